//! The kinds of faults that a swarm draws. A new kind needs a line in the table.

use super::whom::Whom;
use crate::scenario::{
    Among, ConnsSpec, ConnsWhat, Cuts, Draw, FaultWhat, HostSpec, HostSpecWhat, NamesAnswer,
    NamesSpec, Process, RestartSpec, Way,
};
use crate::units::{MS, SECOND};

/// A kind of faults.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name in scenarios.
    pub(super) kind: &'static str,
    /// It takes nodes down or cuts them off: not those that are to be kept.
    pub(super) is_harsh: bool,
    /// A scenario says how long it lasts.
    pub(super) lasts: bool,
    /// Draws one of the kind; `None` if nobody is there whom it could hit.
    pub(super) what: fn(&mut Whom<'_>) -> Option<FaultWhat>,
}

const fn harsh(kind: &'static str, what: fn(&mut Whom<'_>) -> Option<FaultWhat>) -> Family {
    Family { kind, is_harsh: true, lasts: true, what }
}

const fn harsh_at_once(kind: &'static str, what: fn(&mut Whom<'_>) -> Option<FaultWhat>) -> Family {
    Family { kind, is_harsh: true, lasts: false, what }
}

const fn mild(kind: &'static str, what: fn(&mut Whom<'_>) -> Option<FaultWhat>) -> Family {
    Family { kind, is_harsh: false, lasts: true, what }
}

/// All of them.
pub(super) const FAMILIES: [Family; 20] = [
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
];

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
