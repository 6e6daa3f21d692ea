//! Sharing what is known, and writing down what was decided.

use std::sync::Arc;
use std::time::Duration;

use client::protocol::{
    Call, Decide, Decision, Delete, Deleted, EXCERPT_CHARACTERS, Entry, ErrorCode, History, Key, List,
    Listing, Page, Share,
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

    let history = |limit| Call::History(History { key: "port".into(), limit, from: None, values: false });
    let versions = ok::<Listing<Entry>>(&api, history(None)).await.items;
    let authors: Vec<_> = versions.iter().map(|entry| entry.by_name.as_str()).collect();
    assert_eq!(authors, ["web", "web", "api", "web"]);
    let told: Vec<_> = versions.iter().map(|entry| (entry.version, entry.value.as_deref())).collect();
    assert_eq!(told, [(4, Some("7070")), (3, None), (2, Some("„9090“\n\u{1f980}")), (1, Some("8080"))]);
    let newest: Listing<Entry> = ok(&api, history(Some(1))).await;
    assert_eq!((newest.items.len(), newest.more), (1, true));
    let on = |from| Call::History(History { key: "port".into(), limit: None, from, values: false });
    let older: Listing<Entry> = ok(&api, on(newest.items[0].previous)).await;
    assert_eq!((older.items.len(), older.more, older.items[0].version), (3, false, 3));
    assert_eq!(refused(&api, on(Some(1))).await.0, ErrorCode::NotFound, "there web joined");
    assert_eq!(refused(&api, history(Some(0))).await.0, ErrorCode::BadRequest);
    assert_eq!(refused(&api, history(Some(1001))).await.0, ErrorCode::BadRequest);
}

async fn listed(web: &client::Connection, list: Call) -> Vec<String> {
    let listing: Listing<Entry> = ok(web, list).await;
    listing.items.into_iter().map(|entry| entry.key).collect()
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
        Call::List(List { tags, limit, after: after.map(Into::into), values: false })
    };
    assert_eq!(listed(&web, list(&[], None, None)).await, ["a", "b", "c", "d"]);
    assert_eq!(listed(&web, list(&["x", "y"], None, None)).await, ["b", "d"]);
    assert_eq!(listed(&web, list(&[], Some(2), None)).await, ["a", "b"]);
    assert_eq!(listed(&web, list(&[], Some(2), Some("b"))).await, ["c", "d"]);
    assert_eq!(refused(&web, list(&[], None, Some("gone"))).await.0, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_list_shows_long_values_in_part_and_whole_ones_page_by_page() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    let large = "x".repeat(4 * 1024 * 1024);
    for key in ["a", "b", "c", "d"] {
        let _: Entry = ok(&web, Call::Share(share(key, &large, &[]))).await;
    }
    let all: Listing<Entry> = ok(&web, Call::List(List::default())).await;
    assert_eq!((all.items.len(), all.more), (4, false));
    assert!(all.items.iter().all(|entry| entry.excerpt));
    assert_eq!(all.items[0].value.as_ref().unwrap().len(), EXCERPT_CHARACTERS);
    let whole = |after: Option<&str>| {
        Call::List(List { values: true, after: after.map(Into::into), ..List::default() })
    };
    let page: Listing<Entry> = ok(&web, whole(None)).await;
    assert_eq!((page.items.len(), page.more), (3, true));
    assert!(page.items.iter().all(|entry| !entry.excerpt && entry.value.as_ref() == Some(&large)));
    let rest: Listing<Entry> = ok(&web, whole(Some("c"))).await;
    assert_eq!((rest.items.len(), rest.more), (1, false));

    for _ in 0..4 {
        let _: Entry = ok(&web, Call::Share(share("a", &large, &[]))).await;
    }
    let history = |from, values| Call::History(History { key: "a".into(), limit: None, from, values });
    let brief: Listing<Entry> = ok(&web, history(None, false)).await;
    assert_eq!((brief.items.len(), brief.more), (5, false));
    let page: Listing<Entry> = ok(&web, history(None, true)).await;
    assert_eq!((page.items.len(), page.more), (3, true));
    let rest: Listing<Entry> = ok(&web, history(page.items[2].previous, true)).await;
    assert_eq!((rest.items.len(), rest.items[1].version), (2, 1));
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
    let newest: Listing<Decision> = ok(&web, Call::Decisions(Page { limit: Some(3) })).await;
    assert!(newest.more);
    let told: Vec<_> = newest.items.iter().map(|decision| decision.decision.as_str()).collect();
    assert_eq!(told, ["38", "39", "spaces"]);
    let all: Listing<Decision> = ok(&web, Call::Decisions(Page::default())).await;
    assert_eq!((all.items.len(), all.more), (42, false));
    let nobody = Some("00000000-0000-4000-8000-000000000000".to_owned());
    assert_eq!(refused(&web, decide("x", nobody)).await.0, ErrorCode::NotFound);
}

#[tokio::test]
async fn two_connections_agree_on_what_was_written() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    for number in 0..20 {
        let value = number.to_string();
        let _: Entry = ok(&web, Call::Share(share("port", &value, &[]))).await;
        let seen: Option<Entry> = ok(&api, Call::Get(Key { key: "port".into() })).await;
        assert_eq!(seen.unwrap().value, Some(value));
    }
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
    let history = Call::History(History { key: "port".into(), limit: None, from: None, values: false });
    let versions = ok::<Listing<Entry>>(&api, history).await.items;
    let named: Vec<_> = versions.iter().map(|entry| entry.by_name.as_str()).collect();
    // Out of the agent's own process the credential counts for nothing.
    assert_eq!(named, ["local", "web"]);
    let decisions: Listing<Decision> = ok(&api, Call::Decisions(Page::default())).await;
    let named: Vec<_> = decisions.items.iter().map(|decision| decision.by_name.as_str()).collect();
    assert_eq!(named, ["web", "local"]);
}
