//! Old stored forms, brought up to the present ones a version at a time before they are parsed.
//!
//! A step sees the fields of a body as they stand in the log: what it does not touch passes through byte for byte, also
//! a text that Rust's `str` could not hold. Steps are never changed and never removed: somebody's log needs them.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

/// The fields of a body, each as its JSON.
type Fields = IndexMap<String, Box<RawValue>>;

/// From one version of a kind to the next.
struct Step {
    kind: &'static str,
    from: u8,
    lift: fn(&mut Fields) -> serde_json::Result<()>,
}

/// All steps ever taken, oldest first.
const STEPS: &[Step] = &[
    Step { kind: "member.joined", from: 1, lift: name_no_instance },
    Step { kind: "member.returned", from: 1, lift: name_no_instance },
    Step { kind: "member.left", from: 1, lift: |departure| within(departure, "member", name_no_instance) },
];

/// Memberships did not say which of several running agents of a name they were.
fn name_no_instance(membership: &mut Fields) -> serde_json::Result<()> {
    membership.insert("instance".into(), to_raw_value(&None::<&str>)?);
    Ok(())
}

/// A body of a kind in the form of version `to`, from that of version `from`.
///
/// # Errors
/// If the body is not what its version says.
pub(crate) fn upcast<'a>(kind: &str, from: u8, to: u8, body: &'a [u8]) -> serde_json::Result<Cow<'a, [u8]>> {
    if from == to {
        return Ok(body.into());
    }
    let mut fields: Fields = serde_json::from_slice(body)?;
    for step in STEPS.iter().filter(|step| step.kind == kind && (from..to).contains(&step.from)) {
        (step.lift)(&mut fields)?;
    }
    Ok(serde_json::to_vec(&fields)?.into())
}

/// Lifts what stands in one field of a body.
fn within(
    fields: &mut Fields,
    field: &str,
    lift: fn(&mut Fields) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    if let Some(inner) = fields.get_mut(field) {
        let mut inside: Fields = serde_json::from_str(inner.get())?;
        lift(&mut inside)?;
        *inner = to_raw_value(&inside)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::codec::KINDS;

    #[test]
    fn every_version_has_one_way_up() {
        let steps: Vec<_> = STEPS.iter().map(|step| (step.kind, step.from)).collect();
        let needed: BTreeSet<_> =
            KINDS.iter().flat_map(|(kind, present)| (1..*present).map(move |from| (*kind, from))).collect();
        assert_eq!(steps.iter().copied().collect::<BTreeSet<_>>(), needed);
        assert_eq!(steps.len(), needed.len(), "one step stands twice");
    }

    #[test]
    fn what_a_step_does_not_touch_passes_through_byte_for_byte() {
        let body = br#"{"member":{"name":"a\u00e4\ud83d","n":1e2},"reason": "left"}"#;
        let lifted = upcast("member.left", 1, 2, body).unwrap();
        let expected = r#"{"member":{"name":"a\u00e4\ud83d","n":1e2,"instance":null},"reason":"left"}"#;
        assert_eq!(str::from_utf8(&lifted).unwrap(), expected);
    }

    #[test]
    fn a_body_that_is_not_what_its_version_says_is_refused() {
        for body in [&b"[]"[..], b"{\"member\":3}", b"{"] {
            assert!(upcast("member.left", 1, 2, body).is_err());
        }
    }
}
