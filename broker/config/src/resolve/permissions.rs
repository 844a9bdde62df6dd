//! `cluster.permissions`.

use super::values::map;
use super::{Issues, Setting, each_setting};
use crate::config::{RoutePermissions, SubjectPermission};
use crate::go::quote;
use crate::options::{PERMISSIONS, PermissionsOption, SUBJECTS, SubjectsOption};
use crate::value::{Node, Value};

/// Reads `import` and `export`.
pub(super) fn resolve(node: &Node, issues: &mut Issues) -> Result<RoutePermissions, String> {
    let Some(map) = node.value.as_map() else {
        let found = node.value.shown();
        return Err(format!("Expected permissions to be a map/struct, got {found}"));
    };
    let mut permissions = RoutePermissions::default();
    let block = "cluster.permissions.";
    each_setting(block, PERMISSIONS, map, issues, |Setting { id, node, .. }, issues| match id {
        PermissionsOption::Import => {
            permissions.import = subjects("import", node, issues);
        }
        PermissionsOption::Export => {
            permissions.export = subjects("export", node, issues);
        }
        PermissionsOption::AllowResponses if node.value == Value::Bool(false) => {}
        PermissionsOption::AllowResponses => {
            issues.error(&node.at, "Cluster permissions do not support dynamic responses");
        }
    });
    Ok(permissions)
}

/// A subject, a list of them, or a map of `allow` and `deny`. An empty map is no restriction.
fn subjects(way: &str, node: &Node, issues: &mut Issues) -> Option<SubjectPermission> {
    let Ok(map) = map(node) else {
        let allow = subject_list(node, issues)?;
        return Some(SubjectPermission { allow: Some(allow), deny: Vec::new() });
    };
    if map.is_empty() {
        return None;
    }
    let mut permission = SubjectPermission::default();
    let block = format!("cluster.permissions.{way}.");
    each_setting(&block, SUBJECTS, map, issues, |Setting { id, node, .. }, issues| match id {
        SubjectsOption::Allow => {
            permission.allow = subject_list(node, issues);
        }
        SubjectsOption::Deny => {
            permission.deny = subject_list(node, issues).unwrap_or_default();
        }
    });
    Some(permission)
}

fn subject_list(node: &Node, issues: &mut Issues) -> Option<Vec<String>> {
    let nodes = match node.value.as_list() {
        Some(list) => list,
        None if node.value.as_text().is_some() => std::slice::from_ref(node),
        None => {
            let found = node.value.go_type();
            let reason = format!(
                "Expected subject permissions to be a subject, or array of subjects, got {found}"
            );
            issues.error(&node.at, reason);
            return None;
        }
    };
    let mut subjects = Vec::with_capacity(nodes.len());
    for item in nodes {
        match item.value.as_text() {
            Some(subject) if is_subject(subject) => subjects.push(subject.to_owned()),
            Some(subject) => {
                let subject = quote(subject);
                let reason = format!("subject {subject} is not a valid subject");
                issues.error(&node.at, reason);
            }
            None => {
                issues.error(&item.at, "Subject in permissions array cannot be cast to string");
            }
        }
    }
    Some(subjects)
}

/// Whether a text is a subject, with or without wildcards: tokens that are not empty and have no
/// blanks, between dots; `>` only as the last one.
pub(super) fn is_subject(subject: &str) -> bool {
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        let blank = token.contains([' ', '\t', '\n', '\r', '\u{c}']);
        if token.is_empty() || blank || (token == ">" && tokens.peek().is_some()) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_subject;

    #[test]
    fn subjects_are_tokens_between_dots() {
        for subject in ["a", "a.b", "*", ">", "a.*.c", "a.>", "a*", ">a", "$SYS.>", "é"] {
            assert!(is_subject(subject), "{subject}");
        }
        for subject in ["", ".", "a.", ".a", "a..b", "a b", "a.\t", ">.a", "a.>.b", "a q"] {
            assert!(!is_subject(subject), "{subject}");
        }
    }
}
