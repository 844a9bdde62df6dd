//! `causeway-sim selfcheck`: equal seeds must give equal runs.
//!
//! Each seed is run three times: once in a fresh process, and twice here, where state that one run
//! leaves behind could reach the next. The first run here goes in lockstep with the one in the
//! other process, the second is held against what the first recorded. Runs are compared while they
//! run, by the rolling hash at checkpoints; when two differ, they are run once more with a
//! checkpoint at every step, to name the first event that is not the same.
//!
//! The digest over all seeds can be compared between builds (debug and release) and machines.

use std::io::{BufRead as _, BufReader, Lines, Write as _, stdout};
use std::ops::ControlFlow;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use causeway_sim::hash::TraceHash;
use causeway_sim::plan::Plan;
use causeway_sim::report::hex;
use causeway_sim::report::words::{count, seconds};
use causeway_sim::run::{Engine, RunOptions, RunOutcome, Watch};
use causeway_sim::verdict::Exit;

use super::load::Loaded;
use super::progress::Progress;
use super::seeds::choose;
use super::{Failure, SelfcheckArgs, engine, jobs_or_cores, load, output};

/// Steps between two checkpoints, as long as nothing differs.
const INTERVAL: u64 = 1024;

/// Seeds that one second process takes, one after the other, before a fresh one is started.
const SEEDS_PER_PROCESS: usize = 16;

pub(super) fn main(args: &SelfcheckArgs, engines: &[Engine]) -> Result<Exit, Failure> {
    let engine = engine::choose_repeatable(&args.engine, engines)?;
    let scenarios = load::scenarios(&args.files, &[], &args.params.params)?;
    let mut exit = Exit::Held;
    for loaded in &scenarios {
        let seeds = choose(args.seeds.seed, args.seeds.seeds, None, &loaded.scenario.seeds).seeds;
        match args.emit {
            Some(interval) => emit(engine, loaded, &seeds, interval)?,
            None => exit = exit.worse(check(engine, loaded, &seeds, jobs_or_cores(args.jobs))?),
        }
    }
    Ok(exit)
}

/// What was found for one seed.
struct Checked {
    hash: u64,
    steps: u64,
    difference: Option<Difference>,
}

/// Two runs of one seed that are not the same.
struct Difference {
    /// Which two.
    between: &'static str,
    what: String,
}

fn check(engine: Engine, loaded: &Loaded, seeds: &[u64], jobs: usize) -> Result<Exit, Failure> {
    let scenario = &loaded.scenario;
    let mut progress = Progress::new(&scenario.full_name(), seeds.len() as u64);
    let mut found: Vec<(usize, Checked)> = Vec::new();
    let mut failure = None;
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (sender, results) = channel();
    let portions: Vec<&[u64]> = seeds.chunks(SEEDS_PER_PROCESS).collect();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, portions.len().max(1)) {
            let (sender, next, stop, portions) = (sender.clone(), &next, &stop, &portions);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(portion) = portions.get(at) else { return };
                    let result = check_portion(engine, loaded, portion, |within, checked| {
                        let at = at * SEEDS_PER_PROCESS + within;
                        let _receiver_gone = sender.send(Ok((at, checked)));
                    });
                    if let Err(failure) = result {
                        let _receiver_gone = sender.send(Err(failure));
                        return;
                    }
                }
            });
        }
        drop(sender);
        for result in results {
            match result {
                Ok((at, checked)) => {
                    progress.step(checked.difference.is_some());
                    found.push((at, checked));
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
    });
    progress.finish();
    if let Some(failure) = failure {
        return Err(failure);
    }
    found.sort_unstable_by_key(|(at, _)| *at);
    Ok(tell(&scenario.full_name(), seeds, &found))
}

fn tell(name: &str, seeds: &[u64], found: &[(usize, Checked)]) -> Exit {
    let mut digest = TraceHash::new(found.len() as u64);
    let (mut differences, mut steps) = (0, 0);
    for (at, checked) in found {
        let seed = seeds[*at];
        digest.word(seed);
        digest.word(checked.hash);
        steps += checked.steps;
        if let Some(difference) = &checked.difference {
            differences += 1;
            output::line(&format!(
                "DIFFERENT seed {seed}, {}: {}",
                difference.between, difference.what
            ));
        }
    }
    output::line(&format!(
        "{name}: {} seeds, {} steps each way, {differences} differences; digest {}",
        count(found.len() as u64),
        count(steps),
        hex(digest.value())
    ));
    if differences > 0 { Exit::Harness } else { Exit::Held }
}

/// Checks some seeds, with a second process of their own.
fn check_portion(
    engine: Engine,
    loaded: &Loaded,
    seeds: &[u64],
    mut see: impl FnMut(usize, Checked),
) -> Result<(), Failure> {
    let mut running: Option<Other> = None;
    for (at, &seed) in seeds.iter().enumerate() {
        let plan = plan_of(loaded, seed)?;
        let other = match &mut running {
            Some(other) => other,
            None => running.insert(Other::start(engine, loaded, &seeds[at..], INTERVAL)?),
        };
        other.begin(seed)?;
        let mut lockstep = Lockstep::new(INTERVAL, |step| other.next(step));
        let first = run_watched(engine, &plan, &mut lockstep);
        let (recorded, mut parted) = (lockstep.seen, lockstep.parted);
        if parted.is_none() && other.end()? != (first.steps, first.trace_hash) {
            parted = Some(first.steps);
        }
        let difference = if parted.is_some() {
            // The rest of its output belongs to a run that we have left.
            running = None;
            let mut other = Other::start(engine, loaded, &[seed], 1)?;
            other.begin(seed)?;
            let what =
                pinpoint(|watch| drop(run_watched(engine, &plan, watch)), |step| other.next(step));
            Some(Difference { between: "in two processes", what })
        } else {
            check_again(engine, &plan, &recorded, (first.steps, first.trace_hash))
        };
        see(at, Checked { hash: first.trace_hash, steps: first.steps, difference });
    }
    Ok(())
}

fn run_watched(engine: Engine, plan: &Plan, watch: &mut dyn Watch) -> RunOutcome {
    (engine.run)(plan, RunOptions { watch: Some(watch), ..RunOptions::default() })
}

/// Runs a plan once more in this process and compares it with what was recorded.
fn check_again(
    engine: Engine,
    plan: &Plan,
    recorded: &[Seen],
    end: (u64, u64),
) -> Option<Difference> {
    let mut before = recorded.iter();
    let mut lockstep = Lockstep::new(INTERVAL, |_| before.next().cloned());
    let again = run_watched(engine, plan, &mut lockstep);
    if lockstep.parted.is_none() && (again.steps, again.trace_hash) == end {
        return None;
    }
    let mut record = Lockstep::new(1, |_| None);
    record.alone = true;
    run_watched(engine, plan, &mut record);
    let mut before = record.seen.into_iter();
    let what = pinpoint(|watch| drop(run_watched(engine, plan, watch)), |_| before.next());
    Some(Difference { between: "twice in one process", what })
}

/// Watches a run with a checkpoint at every step and names the first step that differs.
fn pinpoint(run: impl FnOnce(&mut dyn Watch), theirs: impl FnMut(u64) -> Option<Seen>) -> String {
    let mut lockstep = Lockstep::new(1, theirs);
    run(&mut lockstep);
    let Some(step) = lockstep.parted else {
        return "they differed once, and were the same when every step was compared".to_owned();
    };
    let ours = lockstep.seen.last().map_or("nothing", |seen| seen.text.as_str());
    let theirs =
        lockstep.theirs.as_ref().map_or("nothing: it had ended", |seen| seen.text.as_str());
    format!("the first step that differs is {step}: here `{ours}`, there `{theirs}`")
}

/// A checkpoint: how far, the hash, and at the finest grain what was done.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    step: u64,
    hash: u64,
    text: String,
}

/// Compares a run with another one, checkpoint by checkpoint, and ends it where they part.
struct Lockstep<F> {
    interval: u64,
    /// Records only.
    alone: bool,
    other: F,
    seen: Vec<Seen>,
    line: String,
    /// The step at which the two parted.
    parted: Option<u64>,
    /// What the other had there.
    theirs: Option<Seen>,
}

impl<F: FnMut(u64) -> Option<Seen>> Lockstep<F> {
    fn new(interval: u64, other: F) -> Self {
        Self {
            interval,
            alone: false,
            other,
            seen: Vec::new(),
            line: String::new(),
            parted: None,
            theirs: None,
        }
    }
}

impl<F: FnMut(u64) -> Option<Seen>> Watch for Lockstep<F> {
    fn interval(&self) -> u64 {
        self.interval
    }

    fn checkpoint(&mut self, step: u64, hash: u64) -> ControlFlow<()> {
        let ours = Seen { step, hash, text: std::mem::take(&mut self.line) };
        let same = if self.alone {
            true
        } else {
            self.theirs = (self.other)(step);
            self.theirs.as_ref().is_some_and(|t| (t.step, t.hash) == (step, hash))
        };
        self.seen.push(ours);
        if same {
            return ControlFlow::Continue(());
        }
        self.parted = Some(step);
        ControlFlow::Break(())
    }

    fn wants_lines(&self) -> bool {
        self.interval == 1
    }

    fn line(&mut self, _step: u64, t: u64, text: &str) {
        self.line = format!("{} s {text}", seconds(t));
    }
}

/// The second process.
struct Other {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// A line that was read and belongs to the next question.
    kept: Option<String>,
}

impl Other {
    fn start(
        engine: Engine,
        loaded: &Loaded,
        seeds: &[u64],
        interval: u64,
    ) -> Result<Self, Failure> {
        let failed =
            |error| Failure::Harness(format!("error: cannot start a second process: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        let file = &loaded.scenario.file;
        command.args(["selfcheck", file, "--engine", engine.name, "--emit", &interval.to_string()]);
        for (name, value) in loaded.params() {
            command.args(["--param", &format!("{name}={value}")]);
        }
        // Portions are runs of consecutive seeds, or lists of a scenario's own.
        match seeds {
            [seed] => command.args(["--seed", &seed.to_string()]),
            [first, .., last] if last.abs_diff(*first) == seeds.len() as u64 - 1 => {
                command.args(["--seeds", &format!("{first}..{}", last.saturating_add(1))])
            }
            _ => &mut command,
        };
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let Some(out) = child.stdout.take() else {
            return Err(Failure::Harness("error: the second process has no output".to_owned()));
        };
        Ok(Self { child, lines: BufReader::new(out).lines(), kept: None })
    }

    /// Goes on to the lines of a seed.
    fn begin(&mut self, seed: u64) -> Result<(), Failure> {
        let wanted = format!("seed {seed}");
        while let Some(line) = self.line() {
            if line == wanted {
                return Ok(());
            }
        }
        Err(Failure::Harness(format!("error: the second process did not come to seed {seed}")))
    }

    /// The next checkpoint of the seed; `None` if its run is over.
    fn next(&mut self, _step: u64) -> Option<Seen> {
        let line = self.line()?;
        match parse(&line) {
            Some(seen) => Some(seen),
            None => {
                self.kept = Some(line);
                None
            }
        }
    }

    /// How the seed's run ended: its steps and its hash.
    fn end(&mut self) -> Result<(u64, u64), Failure> {
        let broken = || Failure::Harness("error: the second process ended too early".to_owned());
        loop {
            let line = self.line().ok_or_else(broken)?;
            if let Some(end) = line.strip_prefix("end ") {
                return parse(end).map(|seen| (seen.step, seen.hash)).ok_or_else(broken);
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        self.kept.take().or_else(|| self.lines.next()?.ok())
    }

    /// Ends the process, whatever it is doing.
    fn stop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads `STEP HASH TEXT`.
fn parse(line: &str) -> Option<Seen> {
    let mut words = line.splitn(3, ' ');
    let step = words.next()?.parse().ok()?;
    let hash = u64::from_str_radix(words.next()?, 16).ok()?;
    Some(Seen { step, hash, text: words.next().unwrap_or("").to_owned() })
}

/// What the second process does: runs the seeds and writes their checkpoints.
fn emit(engine: Engine, loaded: &Loaded, seeds: &[u64], interval: u64) -> Result<(), Failure> {
    for &seed in seeds {
        let plan = plan_of(loaded, seed)?;
        let mut emitter = Emitter { interval, line: String::new() };
        let mut reader = emitter.write(&format!("seed {seed}"));
        if reader.is_continue() {
            let options = RunOptions { watch: Some(&mut emitter), ..RunOptions::default() };
            let outcome = (engine.run)(&plan, options);
            let end = format!("end {} {}", outcome.steps, hex(outcome.trace_hash));
            reader = emitter.write(&end);
        }
        if reader.is_break() || stdout().flush().is_err() {
            // Nobody reads any more.
            return Ok(());
        }
    }
    Ok(())
}

struct Emitter {
    interval: u64,
    line: String,
}

impl Emitter {
    /// Writes a line; breaks if nobody reads any more.
    fn write(&self, text: &str) -> ControlFlow<()> {
        match writeln!(stdout(), "{text}") {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Watch for Emitter {
    fn interval(&self) -> u64 {
        self.interval
    }

    fn checkpoint(&mut self, step: u64, hash: u64) -> ControlFlow<()> {
        let line = format!("{step} {} {}", hex(hash), self.line);
        self.line.clear();
        self.write(line.trim_end())
    }

    fn wants_lines(&self) -> bool {
        self.interval == 1
    }

    fn line(&mut self, _step: u64, t: u64, text: &str) {
        self.line = format!("{} s {}", seconds(t), text.replace('\n', " "));
    }
}

fn plan_of(loaded: &Loaded, seed: u64) -> Result<Plan, Failure> {
    loaded.plan(seed).map_err(Failure::Scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of ten steps, of which the one numbered `odd` is not like the others'.
    fn ten_steps(watch: &mut dyn Watch, odd: Option<u64>) {
        let mut hash = 7;
        for step in 1..=10 {
            let differs = odd == Some(step);
            hash = hash * 31 + step + u64::from(differs) * 1_000;
            if watch.wants_lines() {
                watch.line(step, step * 1_000_000, if differs { "odd" } else { "usual" });
            }
            if step % watch.interval() == 0 && watch.checkpoint(step, hash).is_break() {
                return;
            }
        }
    }

    fn recorded(interval: u64, odd: Option<u64>) -> Vec<Seen> {
        let mut record = Lockstep::new(interval, |_| None);
        record.alone = true;
        ten_steps(&mut record, odd);
        record.seen
    }

    #[test]
    fn equal_runs_do_not_part() {
        let mut before = recorded(3, None).into_iter();
        let mut lockstep = Lockstep::new(3, |_| before.next());
        ten_steps(&mut lockstep, None);
        assert_eq!(lockstep.parted, None);
        assert_eq!(lockstep.seen.len(), 3);
    }

    #[test]
    fn runs_part_at_the_first_checkpoint_after_the_difference_and_are_ended_there() {
        let mut before = recorded(3, None).into_iter();
        let mut lockstep = Lockstep::new(3, |_| before.next());
        ten_steps(&mut lockstep, Some(4));
        assert_eq!(lockstep.parted, Some(6));
        assert_eq!(lockstep.seen.len(), 2);
    }

    #[test]
    fn the_first_step_that_differs_is_named() {
        for odd in [1, 4, 10] {
            let mut before = recorded(1, None).into_iter();
            let what = pinpoint(|watch| ten_steps(watch, Some(odd)), |_| before.next());
            let at = format!("0.{:03}000 s", odd);
            assert_eq!(
                what,
                format!(
                    "the first step that differs is {odd}: here `{at} odd`, there `{at} usual`"
                )
            );
        }
    }

    #[test]
    fn a_run_that_ends_earlier_is_noticed_and_one_that_does_not_differ_again_is_told() {
        let mut before = recorded(1, None).into_iter().take(4);
        let what = pinpoint(|watch| ten_steps(watch, None), |_| before.next());
        assert!(what.ends_with("there `nothing: it had ended`"), "{what}");
        let mut before = recorded(1, None).into_iter();
        let what = pinpoint(|watch| ten_steps(watch, None), |_| before.next());
        assert!(what.starts_with("they differed once"), "{what}");
    }

    #[test]
    fn a_difference_is_a_failure_of_the_harness() {
        let checked = |difference| Checked { hash: 1, steps: 2, difference };
        let difference = Difference { between: "in two processes", what: String::new() };
        assert_eq!(tell("x", &[5], &[(0, checked(None))]), Exit::Held);
        assert_eq!(tell("x", &[5], &[(0, checked(Some(difference)))]), Exit::Harness);
    }

    #[test]
    fn checkpoints_are_read_back() {
        let seen = |text: &str| Seen { step: 5, hash: 0xab, text: text.to_owned() };
        assert_eq!(parse("5 00000000000000ab"), Some(seen("")));
        assert_eq!(parse("5 00000000000000ab a line of words"), Some(seen("a line of words")));
        for wrong in ["", "5", "x 00ab", "5 zz", "seed 7", "end 5 00ab"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
