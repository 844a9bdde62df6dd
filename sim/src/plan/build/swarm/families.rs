//! The kinds of faults that a swarm draws. A new kind needs a line in the table.

use super::whom::Whom;
use crate::plan::DRIFT_PPM_MAX;
use crate::scenario::{
    Among, ClockSpec, ConfigSpec, ConnsSpec, ConnsWhat, Cuts, DiskSpec, Draw, FaultWhat, HostSpec,
    HostSpecWhat, NamesAnswer, NamesSpec, Process, Release, ReloadSpec, RestartSpec, SharesSpec,
    UpgradeSpec, Way, Ways,
};
use crate::units::{MS, SECOND};

/// A kind of faults.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name in scenarios.
    pub(super) kind: &'static str,
    /// It takes nodes down or cuts them off: not those that are to be kept.
    pub(super) is_harsh: bool,
    /// Whether a scenario says how long it lasts.
    pub(super) lasts: Lasts,
    /// Draws one of the kind; `None` if nobody is there whom it could hit.
    pub(super) what: fn(&mut Whom<'_>) -> Option<FaultWhat>,
}

/// Whether a scenario says how long a fault lasts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lasts {
    /// It is over at once, or by itself.
    No,
    /// It does.
    Yes,
    /// It does, or the fault is for good.
    Perhaps,
}

const fn harsh(kind: &'static str, what: fn(&mut Whom<'_>) -> Option<FaultWhat>) -> Family {
    Family { kind, is_harsh: true, lasts: Lasts::Yes, what }
}

const fn harsh_at_once(kind: &'static str, what: fn(&mut Whom<'_>) -> Option<FaultWhat>) -> Family {
    Family { kind, is_harsh: true, lasts: Lasts::No, what }
}

const fn mild(kind: &'static str, what: fn(&mut Whom<'_>) -> Option<FaultWhat>) -> Family {
    Family { kind, is_harsh: false, lasts: Lasts::Yes, what }
}

/// Wall clocks are off by no more than three days.
const CLOCK_OFF_MAX: u64 = 72 * 3600 * SECOND;

/// All of them.
pub(super) const FAMILIES: [Family; 27] = [
    harsh("partition", |whom| partition(whom, false)),
    harsh("blackhole", |whom| partition(whom, true)),
    harsh("flap", flap),
    harsh_at_once("reset", |whom| Some(FaultWhat::Reset(whom.between()?))),
    harsh("refuse", |whom| Some(FaultWhat::Refuse(whom.between()?))),
    mild("degrade", degrade),
    harsh("hold", |whom| conns(whom, |_| ConnsWhat::Hold)),
    harsh_at_once("half_open", |whom| conns(whom, |_| ConnsWhat::HalfOpen)),
    harsh("cut_stream", |whom| {
        conns(whom, |whom| {
            let after = Draw { low: 1, high: whom.stream.doublings(1, 64 << 10) };
            ConnsWhat::CutStream { after, fin: whom.stream.below(2) == 1 }
        })
    }),
    mild("slice", |whom| {
        conns(whom, |whom| {
            let bytes = Draw::fixed(whom.stream.doublings(1, 256));
            let every = if whom.stream.below(2) == 1 { whom.stream.below(5) * MS } else { 0 };
            ConnsWhat::Slice { bytes, every: Draw::fixed(every) }
        })
    }),
    harsh_at_once("rebind", |whom| conns(whom, |_| ConnsWhat::Rebind)),
    harsh("hang_up", |whom| conns(whom, |_| ConnsWhat::HangUp)),
    mild("dns", dns),
    harsh("crash", |whom| Some(FaultWhat::Crash(process(whom)?))),
    harsh("stop", |whom| Some(FaultWhat::Stop(process(whom)?))),
    harsh("lame_duck", |whom| Some(FaultWhat::LameDuck(process(whom)?))),
    mild("stop_reading", |whom| Some(FaultWhat::StopReading(whom.clients()?))),
    harsh("pause", |whom| host(whom, |_| HostSpecWhat::Pause)),
    mild("slow_cpu", |whom| {
        host(whom, |whom| {
            let base = Draw::fixed(whom.stream.doublings(1_000, 500_000));
            HostSpecWhat::SlowCpu { base, factor: Draw::fixed(whom.stream.doublings(1, 100)) }
        })
    }),
    harsh("power_loss", |whom| {
        let (on, new_port) = whom.nodes_and_port()?;
        Some(FaultWhat::Host(HostSpec { on, what: HostSpecWhat::PowerLoss { new_port } }))
    }),
    harsh_at_once("restart", |whom| {
        let (on, new_port) = whom.nodes_and_port()?;
        let by = if whom.stream.below(2) == 1 { Way::Stop } else { Way::Crash };
        let restart = RestartSpec { by, new_port, new_address: whom.rarely() };
        Some(FaultWhat::Host(HostSpec { on, what: HostSpecWhat::Restart(restart) }))
    }),
    mild("clock", |whom| host(whom, |whom| HostSpecWhat::Clock(clock(whom)))),
    Family { kind: "reload", is_harsh: true, lasts: Lasts::Perhaps, what: reload },
    harsh_at_once("join", |whom| one(whom, HostSpecWhat::Join)),
    harsh("leave", |whom| one(whom, HostSpecWhat::Leave)),
    harsh_at_once("upgrade", |whom| {
        host(whom, |whom| {
            let to = whom.stream.pick(&Release::ALL).copied().unwrap_or_default();
            let every = Draw { low: 0, high: whom.stream.doublings(100 * MS, 3 * SECOND) };
            HostSpecWhat::Upgrade(UpgradeSpec { to, every })
        })
    }),
    mild("disk", disk),
];

/// What a disk may do without breaking its promises: nothing that was acknowledged may be lost by it.
fn disk(whom: &mut Whom<'_>) -> Option<FaultWhat> {
    let on = whom.keeper()?;
    let ppm = |whom: &mut Whom<'_>| Draw::fixed(whom.stream.doublings(100, 500_000));
    let what = match whom.stream.below(8) {
        0 | 1 => {
            DiskSpec::Errors(SharesSpec { reads: ppm(whom), writes: ppm(whom), syncs: ppm(whom) })
        }
        2 => DiskSpec::Full { free: Draw::fixed(whom.stream.doublings(1, 1 << 20)) },
        3 => DiskSpec::ReadOnly,
        4 | 5 => DiskSpec::Slow {
            base: Draw::fixed(whom.stream.doublings(1_000, 50 * MS)),
            factor: Draw::fixed(whom.stream.doublings(1, 200)),
        },
        _ => DiskSpec::Stall,
    };
    Some(FaultWhat::Host(HostSpec { on, what: HostSpecWhat::Disk(what) }))
}

/// One node, which comes or goes.
fn one(whom: &mut Whom<'_>, what: HostSpecWhat) -> Option<FaultWhat> {
    Some(FaultWhat::Host(HostSpec { on: whom.one_node()?, what }))
}

/// Some of what can be wrong with clocks. A second is off by as little as with a quartz, or by as
/// much as anybody bears.
fn clock(whom: &mut Whom<'_>) -> ClockSpec {
    let wrong = 1 + whom.stream.below(31);
    let up_to = |low, whom: &mut Whom<'_>, high| Draw::fixed(whom.stream.doublings(low, high));
    let mut part = |bit: u64, low, high| {
        let draw = up_to(low, whom, high);
        if wrong >> bit & 1 == 1 { draw } else { Draw::fixed(0) }
    };
    let (offset, step) = (part(0, MS, CLOCK_OFF_MAX), part(1, MS, CLOCK_OFF_MAX));
    let (drift_ppm, mono_ppm) =
        (part(2, 10, u64::from(DRIFT_PPM_MAX)), part(3, 10, u64::from(DRIFT_PPM_MAX)));
    ClockSpec {
        offset,
        step,
        drift_ppm,
        mono_ppm,
        freeze: wrong >> 4 & 1 == 1,
        direction: Ways::Both,
    }
}

/// Timers and limits, or the routes of one node.
fn reload(whom: &mut Whom<'_>) -> Option<FaultWhat> {
    let (on, reload) = if whom.rarely() {
        let (on, routes) = whom.other_routes()?;
        (on, ReloadSpec { config: ConfigSpec::default(), routes: Some(routes) })
    } else {
        (whom.nodes()?, ReloadSpec { config: limits(whom), routes: None })
    };
    Some(FaultWhat::Host(HostSpec { on, what: HostSpecWhat::Reload(Box::new(reload)) }))
}

/// What changes without anybody being sent away, and without a bound that would follow from it.
fn limits(whom: &mut Whom<'_>) -> ConfigSpec {
    let mut some = |low, high| {
        let draw = Draw::fixed(whom.stream.doublings(low, high));
        (whom.stream.below(2) == 1).then_some(draw)
    };
    ConfigSpec {
        ping_interval: some(SECOND, 60 * SECOND),
        ping_max: some(2, 5),
        write_deadline: some(2 * SECOND, 10 * SECOND),
        max_control_line: some(4 << 10, 64 << 10),
        route_ping_interval: some(SECOND, 60 * SECOND),
        route_ping_max: some(2, 5),
        route_write_deadline: some(2 * SECOND, 10 * SECOND),
        no_fast_producer_stall: whom.rarely().then_some(true),
        ..ConfigSpec::default()
    }
}

/// Two sides, a bridge or a ring; together, or pair by pair.
fn partition(whom: &mut Whom<'_>, blackhole: bool) -> Option<FaultWhat> {
    let shape = whom.stream.below(8);
    let staggered = whom.stream.below(4) == 0;
    let stagger = whom.stream.doublings(10 * MS, SECOND);
    let stagger = staggered.then_some(Draw { low: 0, high: stagger });
    let among = match shape {
        0 => Among::Bridge(vec![whom.several(3)?]),
        1 => Among::Ring(vec![whom.several(4)?]),
        _ => Among::Two(whom.between()?),
    };
    let direction = match &among {
        Among::Two(between) => between.direction,
        Among::Bridge(_) | Among::Ring(_) => whom.direction(),
    };
    Some(match (among, stagger) {
        (Among::Two(between), None) => FaultWhat::Cut { between, blackhole, flap: None },
        (among, stagger) => FaultWhat::Cuts(Cuts { among, direction, blackhole, stagger }),
    })
}

fn flap(whom: &mut Whom<'_>) -> Option<FaultWhat> {
    let between = whom.between()?;
    let period = Draw::fixed(whom.stream.doublings(50 * MS, 3 * SECOND));
    let duty = Draw::fixed(whom.stream.between(1, 9) * 100_000);
    Some(FaultWhat::Cut { between, blackhole: false, flap: Some((period, duty)) })
}

fn degrade(whom: &mut Whom<'_>) -> Option<FaultWhat> {
    let between = whom.between()?;
    let ms = |whom: &mut Whom<'_>, most| Draw::fixed(whom.stream.doublings(1, most) * MS);
    let (latency, jitter) = (ms(whom, 300), ms(whom, 100));
    Some(FaultWhat::Degrade { between, latency, jitter, loss_ppm: Draw::fixed(0), bandwidth: None })
}

fn dns(whom: &mut Whom<'_>) -> Option<FaultWhat> {
    let on = whom.nodes()?;
    let answer = *whom.stream.pick(&NamesAnswer::ALL)?;
    Some(FaultWhat::Dns(NamesSpec { on, answer }))
}

fn process(whom: &mut Whom<'_>) -> Option<Process> {
    let (on, new_port) = whom.nodes_and_port()?;
    Some(Process { on, new_port, new_address: whom.rarely() })
}

fn conns(whom: &mut Whom<'_>, what: impl FnOnce(&mut Whom<'_>) -> ConnsWhat) -> Option<FaultWhat> {
    let between = whom.between()?;
    Some(FaultWhat::Conns(ConnsSpec { between, what: what(whom) }))
}

fn host(
    whom: &mut Whom<'_>,
    what: impl FnOnce(&mut Whom<'_>) -> HostSpecWhat,
) -> Option<FaultWhat> {
    let on = whom.nodes()?;
    Some(FaultWhat::Host(HostSpec { on, what: what(whom) }))
}
