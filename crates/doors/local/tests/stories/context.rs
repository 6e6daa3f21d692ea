//! Sharing what is known, and writing down what was decided.

use std::sync::Arc;
use std::time::Duration;

use client::protocol::{
    Call, Decide, Decision, Delete, Deleted, Entry, ErrorCode, History, Key, List, Page, Share,
};
use guildhall_door_local::ancestry::Proc;

use crate::place::{Place, SOON, ok, refused};

fn share(key: &str, value: &str, tags: &[&str]) -> Share {
    Share {
        key: key.into(),
        value: value.into(),
        tags: tags.iter().map(ToString::to_string).collect(),
        if_version: None,
        once: None,
    }
}

fn keys(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

#[tokio::test]
async fn a_key_lives_changes_and_goes_and_its_history_stays() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let first: Entry = ok(&web, Call::Share(share("port", "8080", &["net"]))).await;
    assert_eq!((first.version, first.by.as_str()), (1, web.welcome().member.as_str()));
    let second = Share { if_version: Some(1), ..share("port", "„9090“\n\u{1f980}", &[]) };
    let _: Entry = ok(&api, Call::Share(second.clone())).await;
    let (code, message) = refused(&web, Call::Share(second)).await;
    assert_eq!(code, ErrorCode::Conflict);
    assert!(message.contains("version 2"), "{message}");

    let now: Option<Entry> = ok(&web, Call::Get(Key { key: "port".into() })).await;
    assert_eq!(now.unwrap().value.as_deref(), Some("„9090“\n\u{1f980}"));
    let delete = || Call::Delete(Delete { key: "port".into(), if_version: None, once: None });
    assert!(ok::<Deleted>(&web, delete()).await.success);
    assert!(!ok::<Deleted>(&web, delete()).await.success);
    assert!(ok::<Option<Entry>>(&web, Call::Get(Key { key: "port".into() })).await.is_none());
    let _: Entry = ok(&web, Call::Share(share("port", "7070", &[]))).await;

    let history = |limit| Call::History(History { key: "port".into(), limit });
    let versions: Vec<Entry> = ok(&api, history(None)).await;
    let authors: Vec<_> = versions.iter().map(|entry| entry.by_name.as_str()).collect();
    assert_eq!(authors, ["web", "web", "api", "web"]);
    let told: Vec<_> = versions.iter().map(|entry| (entry.version, entry.value.as_deref())).collect();
    assert_eq!(told, [(4, Some("7070")), (3, None), (2, Some("„9090“\n\u{1f980}")), (1, Some("8080"))]);
    assert_eq!(ok::<Vec<Entry>>(&api, history(Some(1))).await.len(), 1);
    assert_eq!(refused(&api, history(Some(0))).await.0, ErrorCode::BadRequest);
    assert_eq!(refused(&api, history(Some(1001))).await.0, ErrorCode::BadRequest);
}

#[tokio::test]
async fn a_list_is_found_by_tags_and_gone_through_in_pages() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    for (key, tags) in [("a", &["x"][..]), ("b", &["x", "y"]), ("c", &["y"]), ("d", &["x", "y"])] {
        let _: Entry = ok(&web, Call::Share(share(key, "1", tags))).await;
    }
    let list = |tags: &[&str], limit, after: Option<&str>| {
        let tags = tags.iter().map(ToString::to_string).collect();
        Call::List(List { tags, limit, after: after.map(Into::into) })
    };
    assert_eq!(keys(&ok::<Vec<Entry>>(&web, list(&[], None, None)).await), ["a", "b", "c", "d"]);
    assert_eq!(keys(&ok::<Vec<Entry>>(&web, list(&["x", "y"], None, None)).await), ["b", "d"]);
    assert_eq!(keys(&ok::<Vec<Entry>>(&web, list(&[], Some(2), None)).await), ["a", "b"]);
    assert_eq!(keys(&ok::<Vec<Entry>>(&web, list(&[], Some(2), Some("b"))).await), ["c", "d"]);
    assert_eq!(refused(&web, list(&[], None, Some("gone"))).await.0, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_list_that_fits_no_line_is_an_error_that_says_what_to_do() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    let large = "x".repeat(3 * 1024 * 1024);
    for key in ["a", "b", "c", "d", "e", "f"] {
        let _: Entry = ok(&web, Call::Share(share(key, &large, &[]))).await;
    }
    let (code, message) = refused(&web, Call::List(List::default())).await;
    assert_eq!(code, ErrorCode::TooLarge);
    assert!(message.contains("`limit`"), "{message}");
    let some: Vec<Entry> = ok(&web, Call::List(List { limit: Some(3), ..List::default() })).await;
    assert_eq!(some.len(), 3);
    let (code, _) = refused(&web, Call::Share(share("g", &"x".repeat(5 * 1024 * 1024), &[]))).await;
    assert_eq!(code, ErrorCode::TooLarge);
    assert_eq!(refused(&web, Call::Share(share("", "x", &[]))).await.0, ErrorCode::BadRequest);
}

#[tokio::test]
async fn decisions_are_kept_in_order_and_the_newest_are_listed() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    let decide = |text: &str, supersedes: Option<String>| {
        Call::Decide(Decide {
            decision: text.into(),
            rationale: Some("it is shorter".into()),
            supersedes,
            once: None,
        })
    };
    let first: Decision = ok(&web, decide("tabs", None)).await;
    for number in 0..40 {
        let _: Decision = ok(&web, decide(&number.to_string(), None)).await;
    }
    let last: Decision = ok(&web, decide("spaces", Some(first.id.clone()))).await;
    assert_eq!(last.supersedes.as_deref(), Some(first.id.as_str()));
    let newest: Vec<Decision> = ok(&web, Call::Decisions(Page { limit: Some(3) })).await;
    let told: Vec<_> = newest.iter().map(|decision| decision.decision.as_str()).collect();
    assert_eq!(told, ["38", "39", "spaces"]);
    assert_eq!(ok::<Vec<Decision>>(&web, Call::Decisions(Page::default())).await.len(), 42);
    let nobody = Some("00000000-0000-4000-8000-000000000000".to_owned());
    assert_eq!(refused(&web, decide("x", nobody)).await.0, ErrorCode::NotFound);
}

#[tokio::test]
async fn authors_are_named_also_when_they_are_gone_or_were_no_agents() {
    let options = hall::Options { presence_grace: Duration::from_millis(50), ..hall::Options::default() };
    let place = Place::with(Arc::new(Proc), options).await;
    let (web, owner) = (place.agent("web").await, place.owner().await);
    let decide = |decision: &str| {
        let decision = decision.into();
        Call::Decide(Decide { decision, rationale: None, supersedes: None, once: None })
    };
    let _: Entry = ok(&web, Call::Share(share("port", "1", &[]))).await;
    assert_eq!(ok::<Decision>(&web, decide("tabs")).await.by_name, "web");
    drop(web);
    tokio::time::timeout(SOON, async {
        while !place.present().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("an agent whose connection is gone leaves after the grace");
    let _: Entry = ok(&owner, Call::Share(share("port", "2", &[]))).await;
    let _: Decision = ok(&owner, decide("spaces")).await;

    let api = place.agent("api").await;
    let history = Call::History(History { key: "port".into(), limit: None });
    let versions: Vec<Entry> = ok(&api, history).await;
    let named: Vec<_> = versions.iter().map(|entry| entry.by_name.as_str()).collect();
    assert_eq!(named, [owner.welcome().principal.as_str(), "web"]);
    let decisions: Vec<Decision> = ok(&api, Call::Decisions(Page::default())).await;
    let named: Vec<_> = decisions.iter().map(|decision| decision.by_name.as_str()).collect();
    assert_eq!(named, ["web", owner.welcome().principal.as_str()]);
}
