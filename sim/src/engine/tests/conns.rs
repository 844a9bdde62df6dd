//! Faults of connections, with nodes and clients at their ends.

use super::*;

/// Times in milliseconds and reasons of a client's lost connections.
fn lost(plan: &Plan, outcome: &RunOutcome, client: &str) -> Vec<(u64, String)> {
    let events = outcome.history.events.iter();
    let mut lost: Vec<(u64, String)> = events
        .filter_map(|event| {
            let Kind::ClientClosed { client: c, reason, .. } = event.kind else { return None };
            let reason = outcome.history.text(reason).to_owned();
            (plan.client_name(c) == client).then_some((event.t / 1_000_000, reason))
        })
        .collect();
    lost.retain(|(_, reason)| reason != "closed by plan");
    lost
}

/// When a client was connected, in milliseconds.
fn connected_ms(plan: &Plan, outcome: &RunOutcome, client: &str) -> Vec<u64> {
    let to = |event: &&Event| matches!(&event.kind, Kind::ClientConnected { client: c, .. } if plan.client_name(*c) == client);
    outcome.history.events.iter().filter(to).map(|event| event.t / 1_000_000).collect()
}

#[test]
fn a_hold_delays_messages_and_costs_no_route() {
    let plan = world(
        "@6.000 fault 0 hold for=1500ms a=a/1,clients:a b=b/1,clients:b ways=both\n\
         @6.500 pa/1 pub x.1 size=100\n\
         @7.000 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.len() == 2 && far.iter().all(|t| (7_500..7_510).contains(t)), "{far:?}");
    assert_eq!(
        (delivered_ms(&plan, &outcome, "sa/1").len(), count(&outcome, "route_down")),
        (2, 0)
    );
}

#[test]
fn a_dial_waits_with_the_rest() {
    for ways in ["both", "forward", "backward"] {
        let fault =
            format!("@2.500 fault 0 hold for=1200ms a=clients:a b=a/1 ways={ways}\n{CONNECTED}");
        let plan = Plan::parse(&format!("{WORLD}{fault}")).unwrap();
        let outcome = run_plan(&plan);
        let at = connected_ms(&plan, &outcome, "sa/1");
        // A lost SYN would come again at 4.0 s.
        assert!(at.len() == 1 && (3_700..3_720).contains(&at[0]), "{ways}: {at:?}");
    }
}

#[test]
fn who_does_not_know_that_half_is_gone_learns_when_it_sends() {
    let half = |ways: &str| {
        let plan = world(&format!(
            "@6.100 fault 0 half_open a=b/1 b=clients:b ways={ways}\n\
             @20.00 pa/1 pub x.2 size=100 flush\n"
        ));
        let outcome = run_plan(&plan);
        assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1, "{ways}");
        lost(&plan, &outcome, "sb/1")
    };
    // The node's end is gone: the client's next ping is answered with RST.
    let unaware = half("forward");
    assert!(unaware.len() == 1 && unaware[0].1 == "reset", "{unaware:?}");
    assert!((6_200..8_200).contains(&unaware[0].0), "{unaware:?}");
    assert_eq!(half("backward"), [(6_100, "reset".to_owned())]);
    assert_eq!(half("both").len(), 1);
}

#[test]
fn half_open_routes_are_replaced() {
    for ways in ["forward", "backward", "both"] {
        let plan = world(&format!(
            "@6.000 fault 0 half_open a=a/1 b=b/1 ways={ways}\n\
             @18.00 pa/1 pub x.2 size=100 flush\n"
        ));
        let outcome = run_plan(&plan);
        assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1, "{ways}");
        assert!(count(&outcome, "route_down") >= 2, "{ways}: both ends count");
    }
}

#[test]
fn a_cut_stream_ends_inside_of_a_frame() {
    for (ending, reason) in [("", "reset"), (" fin", "eof")] {
        let plan = world(&format!(
            "@6.000 fault 0 cut_stream for=2s a=a/1 b=clients:a,b/1 ways=forward after=3000{ending}\n\
             @6.100 pa/1 pub x.1 size=1000 count=20\n\
             @20.00 pa/1 pub x.2 size=1000 flush\n"
        ));
        let outcome = run_plan(&plan);
        let near = lost(&plan, &outcome, "sa/1");
        assert!(near.len() == 1 && near[0].1 == reason, "{near:?}");
        assert!((6_100..6_200).contains(&near[0].0), "{near:?}");
        for client in ["sa/1", "sb/1"] {
            let got = delivered_ms(&plan, &outcome, client);
            assert!(got.len() < 5, "{client}{ending}: {got:?}");
            assert!(got.last().is_some_and(|t| *t >= 20_000), "{client}{ending}: {got:?}");
        }
        assert!(count(&outcome, "route_down") >= 2);
        assert_eq!(count(&outcome, "wire_error") + count(&outcome, "client_error"), 0);
    }
}

#[test]
fn byte_by_byte_everything_means_the_same() {
    let slice = "for=10s a=a/1 b=b/1,clients:a ways=both bytes=1 every=0s";
    let steps = "@6.000 pa/1 pub x.1 size=200 count=20 header\n\
                 @7.000 pa/1 pub x.2 size=200 flush\n";
    let text = format!("{WORLD}@2.000 fault 0 slice {slice}\n{CONNECTED}{steps}");
    let plan = Plan::parse(&text).unwrap();
    let outcome = run_plan(&plan);
    assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 21);
    assert_eq!(count(&outcome, "route_down") + count(&outcome, "wire_error"), 0);
}

#[test]
fn a_slow_loris_delays_only_itself() {
    let plan = world(
        "@6.000 fault 0 slice for=4s a=b/1 b=clients:b ways=forward bytes=1 every=10ms\n\
         @6.100 pa/1 pub x.1 size=100 flush\n\
         @20.00 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let (near, far) = ("sa/1", "sb/1");
    assert!(delivered_ms(&plan, &outcome, near)[0] < 6_200);
    let far = delivered_ms(&plan, &outcome, far);
    // A header line and 102 bytes, at one in 10 ms.
    assert!(far.len() == 2 && (7_100..8_000).contains(&far[0]), "{far:?}");
}

#[test]
fn a_client_with_another_address_finds_out_and_calls_again() {
    let plan = world(
        "@6.100 fault 0 rebind a=clients:b b=b/1 ways=both\n\
         @6.200 pa/1 pub x.1 size=100\n\
         @20.00 pa/1 pub x.2 size=100 flush\n",
    );
    let outcome = run_plan(&plan);
    let lost = lost(&plan, &outcome, "sb/1");
    assert!(lost.len() == 1 && lost[0].1 == "reset", "{lost:?}");
    let far = delivered_ms(&plan, &outcome, "sb/1");
    assert!(far.len() == 1 && far[0] >= 20_000, "what was sent to the old one is lost: {far:?}");
}

#[test]
fn a_node_with_another_address_gets_its_routes_back() {
    for (a, b) in [("a/1", "b/1"), ("b/1", "a/1")] {
        let plan = world(&format!(
            "@6.000 fault 0 rebind a={a} b={b} ways=both\n\
             @20.00 pa/1 pub x.2 size=100 flush\n"
        ));
        let outcome = run_plan(&plan);
        assert_eq!(delivered_ms(&plan, &outcome, "sb/1").len(), 1, "{a}");
        assert!(count(&outcome, "route_down") >= 2, "{a}");
    }
}

#[test]
fn they_run_the_same_way_twice_and_from_their_text() {
    let plan = world(
        "@6.000 fault 0 hold for=1s a=a/1 b=b/1 ways=forward\n\
         @6.500 fault 1 half_open a=a/1 b=b/1,clients:a ways=both\n\
         @7.000 fault 2 cut_stream for=2s a=a/1 b=b/1,clients:a ways=both after=500 fin\n\
         @8.000 fault 3 slice for=1s a=a/1 b=b/1 ways=both bytes=3 every=100us\n\
         @9.000 fault 4 rebind a=a/1 b=b/1 ways=both\n\
         @9.500 pa/1 pub x.2 size=100 flush\n",
    );
    let text = Plan::parse(&plan.write()).unwrap();
    assert_eq!(text.faults, plan.faults);
    let (one, two) = (run_plan(&plan), run_plan(&text));
    assert_eq!((one.trace_hash, one.steps), (two.trace_hash, two.steps));
}
