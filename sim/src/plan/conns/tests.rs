use crate::plan::{ConnsFault, FaultAction, Plan, plan};
use crate::scenario::Scenario;

fn scenario(fault: &str) -> Result<Scenario, String> {
    let text = format!(
        "schema = 1\nname = \"conns\"\n[run]\nduration = \"20s\"\n[link.lan]\nlatency = \"1ms\"\n\
         [region.a]\nnodes = 2\nlink = \"lan\"\n\
         [[fault]]\nat = \"1s\"\non = \"node:a/1\"\n{fault}"
    );
    Scenario::parse("f.toml", &text, &[]).map_err(|error| error.to_string())
}

/// What a fault of a scenario is in a plan, read back from the plan's text.
fn made(fault: &str) -> ConnsFault {
    let plan = plan(&scenario(fault).unwrap(), 3).unwrap();
    let again = Plan::parse(&plan.write()).unwrap();
    assert_eq!(again.faults, plan.faults);
    match again.faults[..] {
        [ref one] => {
            let FaultAction::Conns { what, .. } = one.action else { panic!("{one:?}") };
            assert_eq!(one.lasts > 0, !what.kind().is_instant());
            what
        }
        _ => panic!("{:?}", again.faults),
    }
}

#[test]
fn what_a_scenario_says_stands_in_the_plan() {
    assert_eq!(made("kind = \"hold\"\nfor = \"2s\""), ConnsFault::Hold);
    assert_eq!(made("kind = \"half_open\"\ndirection = \"forward\""), ConnsFault::HalfOpen);
    assert_eq!(made("kind = \"rebind\""), ConnsFault::Rebind);
    assert_eq!(made("kind = \"hang_up\"\nfor = \"2s\""), ConnsFault::HangUp);
    let cut = "kind = \"cut_stream\"\nfor = \"2s\"\n";
    assert_eq!(made(cut), ConnsFault::CutStream { after: 4096, fin: false });
    let fin = format!("{cut}after = \"9B\"\nending = \"fin\"");
    assert_eq!(made(&fin), ConnsFault::CutStream { after: 9, fin: true });
    let slice = "kind = \"slice\"\nfor = \"2s\"\n";
    assert_eq!(made(slice), ConnsFault::Slice { bytes: 1, every_ns: 0 });
    let slow = format!("{slice}bytes = \"3B\"\nevery = \"5ms\"");
    assert_eq!(made(&slow), ConnsFault::Slice { bytes: 3, every_ns: 5_000_000 });
}

#[test]
fn what_makes_no_sense_is_pointed_at() {
    let wrong = |fault: &str| {
        let error = scenario(fault).unwrap_err();
        error.lines().next().unwrap_or_default().to_owned()
    };
    for (fault, error) in [
        ("kind = \"hold\"", "error: a hold must say how long it lasts: `for`"),
        ("kind = \"slice\"", "error: a slice must say how long it lasts: `for`"),
        ("kind = \"rebind\"\nfor = \"1s\"", "error: a rebind is over at once; it has no `for`"),
        (
            "kind = \"half_open\"\nfor = \"1s\"",
            "error: a half_open is over at once; it has no `for`",
        ),
        (
            "kind = \"cut_stream\"\nfor = \"1s\"\nafter = \"0B\"",
            "error: at least one more byte passes: `after` is from 1B",
        ),
        (
            "kind = \"cut_stream\"\nfor = \"1s\"\nending = \"rst\"",
            "error: a stream does not end with `rst`",
        ),
        ("kind = \"slice\"\nfor = \"1s\"\nbytes = 0", "error: a piece has at least 1B"),
        (
            "kind = \"rebind\"\ndirection = \"forward\"",
            "error: `direction` means nothing for a fault of kind `rebind`",
        ),
        (
            "kind = \"hold\"\nfor = \"1s\"\nbytes = \"1B\"",
            "error: `bytes` means nothing for a fault of kind `hold`",
        ),
        (
            "kind = \"slice\"\nfor = \"1s\"\nending = \"fin\"",
            "error: `ending` means nothing for a fault of kind `slice`",
        ),
    ] {
        assert_eq!(wrong(fault), error);
    }
}

#[test]
fn a_plan_without_sense_is_refused() {
    let fault = "kind = \"slice\"\nfor = \"2s\"";
    let text = plan(&scenario(fault).unwrap(), 3).unwrap().write();
    let wrong = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        Plan::parse(&text.replacen(from, to, 1)).unwrap_err().message
    };
    assert_eq!(wrong("bytes=1", "bytes=0"), "`bytes=` is at least 1");
    assert_eq!(wrong(" every=0s", ""), "`every=` is missing");
    assert_eq!(wrong("slice", "hold"), "`bytes=` is not known here");
    assert_eq!(wrong("slice", "cut_stream"), "`after=` is missing");
}
