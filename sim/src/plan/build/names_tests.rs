//! Which names are wrong.

use super::plan;
use crate::plan::{FaultAction, NamesPlan};
use crate::scenario::Scenario;

fn made(seed: u64, fault: &str) -> Result<NamesPlan, String> {
    let text = format!(
        "schema = 1\nname = \"names\"\n[run]\nduration = \"20s\"\n[link.lan]\nlatency = \"1ms\"\n\
         [region.a]\nnodes = 3\nlink = \"lan\"\n[[fault]]\nat = \"1s\"\nkind = \"dns\"\n{fault}"
    );
    let scenario = Scenario::parse("f.toml", &text, &[]).map_err(|error| error.to_string())?;
    let plan = plan(&scenario, seed).map_err(|error| error.to_string())?;
    let names = plan.faults.iter().find_map(|fault| {
        if let FaultAction::Dns(names) = &fault.action { Some(names.clone()) } else { None }
    });
    names.ok_or_else(|| "no such fault".to_owned())
}

#[test]
fn all_names_or_some_are_wrong() {
    let on = "for = \"2s\"\non = \"region:a\"\n";
    for (answer, old) in [("nobody", false), ("old", true)] {
        let names = made(1, &format!("{on}answer = \"{answer}\"")).unwrap();
        assert_eq!((names.nodes.len(), names.old), (3, old), "{answer}");
    }
    let mut seen = [0; 4];
    for seed in 0..50 {
        let names = made(seed, &format!("{on}answer = \"some\"")).unwrap();
        assert!(names.nodes.is_sorted() && !names.old);
        seen[names.nodes.len()] += 1;
    }
    assert!(seen[0] == 0 && seen[1] > 10 && seen[2] > 10 && seen[3] == 0, "{seen:?}");
    let one = made(1, "for = \"2s\"\non = \"node:a/2\"\nanswer = \"some\"").unwrap();
    assert_eq!(one.nodes.len(), 1);
}

#[test]
fn what_makes_no_sense_is_pointed_at() {
    let wrong = |fault: &str| {
        let error = made(1, fault).unwrap_err();
        error.lines().next().unwrap_or_default().to_owned()
    };
    for (fault, error) in [
        (
            "for = \"1s\"\non = \"region:a\"",
            "error: the fault does not say what names lead to: `answer`",
        ),
        (
            "for = \"1s\"\non = \"region:a\"\nanswer = \"none\"",
            "error: the name service does not answer with `none`",
        ),
        ("on = \"region:a\"\nanswer = \"old\"", "error: a dns must say how long it lasts: `for`"),
        (
            "for = \"1s\"\non = \"region:a\"\nanswer = \"old\"\naddress = \"new\"",
            "error: `address` means nothing for a fault of kind `dns`",
        ),
        ("for = \"1s\"\non = \"clients:a\"\nanswer = \"old\"", "error: `clients:a` means no node"),
    ] {
        assert_eq!(wrong(fault), error);
    }
}
