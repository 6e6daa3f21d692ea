//! Claims files for a while, so that two agents do not change the same ones.

use client::protocol::{Call, Empty, Marked, Release, Reservation, Reserve};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::limits::{RESERVED_MINUTES, USUAL_MINUTES};
use crate::outcome::{Failure, Outcome};
use crate::text::{count, excerpt, moment, names};

pub(super) fn about() -> About {
    About {
        description: "Claim files before you change them, so that others keep off; again to renew. Without arguments: \
                      what is claimed.",
        properties: json!({
            "files": {
                "type": "array",
                "items": {"type": "string"},
                "description": "paths, folders (src/) or globs (no braces) from the project's root",
            },
            "shared": {"type": "boolean", "description": "others may share it"},
            "minutes": {"type": "integer", "description": "30 if absent"},
            "why": {"type": "string"},
            "release": {"type": "boolean", "description": "give up all of yours"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let files = arguments.telling_texts("files")?;
    let shared = arguments.flag("shared")?;
    let minutes = arguments.number("minutes", 1..=RESERVED_MINUTES)?;
    let why = arguments.optional_text("why")?;
    let release = arguments.flag("release")?;
    let text = match (files.is_empty(), release) {
        (false, true) => {
            return Err(Failure::argument("release", "gives up all of yours: leave `files` out"));
        }
        (false, false) => {
            let ttl_seconds = minutes.unwrap_or(USUAL_MINUTES) * 60;
            make(hall, Reserve { files, shared, why, ttl_seconds, once: None }).await?
        }
        (true, _) if shared || minutes.is_some() || why.is_some() => {
            return Err(Failure::argument("files", "is missing: say which files you claim"));
        }
        (true, true) => {
            let Marked { count: ended } = hall.call(Call::Release(Release::default())).await?;
            format!("released {}", count(ended, "reservation"))
        }
        (true, false) => list(hall).await?,
    };
    Ok(Outcome::text(text))
}

async fn make(hall: &Visit<'_>, reserve: Reserve) -> Result<String, Failure> {
    let made: Reservation = hall.call(Call::Reserve(reserve)).await?;
    let with = if made.shared { ", shared" } else { "" };
    Ok(format!(
        "reserved {} until {}{with}, fence {}",
        names(&made.files, ", "),
        moment(&made.until),
        made.fence
    ))
}

async fn list(hall: &Visit<'_>) -> Result<String, Failure> {
    let claims: Vec<Reservation> = hall.call(Call::Reservations(Empty {})).await?;
    if claims.is_empty() {
        return Ok("no files are reserved".into());
    }
    let mut lines = vec![count(claims.len(), "reservation")];
    lines.extend(claims.iter().map(|claim| {
        let holder = if claim.mine { "you".into() } else { name(&claim.holder) };
        let with = if claim.shared { " (shared)" } else { "" };
        let why = claim.why.as_deref().map(|why| format!(": {}", excerpt(why))).unwrap_or_default();
        format!(
            "- {} by {holder}{with} until {}, fence {}{why}",
            names(&claim.files, ", "),
            moment(&claim.until),
            claim.fence
        )
    }));
    Ok(lines.join("\n"))
}
