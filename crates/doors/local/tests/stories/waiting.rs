//! Waiting for news.

use std::time::Duration;

use client::protocol::{
    Call, EXCERPT_CHARACTERS, Empty, Entry, ErrorCode, Key, Listing, News, Question, Questions, Share, Stale,
    Status, Ticket, Wait,
};
use tokio::task::JoinSet;

use crate::place::{Place, ok, refused};
use crate::questions::{answer, question};

fn wait(seconds: u64, after: Option<u64>) -> Call {
    Call::Wait(Wait { wait_seconds: seconds, after })
}

fn share(key: &str, value: &str) -> Call {
    Call::Share(Share { key: key.into(), value: value.into(), tags: vec![], if_version: None, once: None })
}

fn get(key: &str) -> Call {
    Call::Get(Key { key: key.into() })
}

#[tokio::test]
async fn an_agent_waits_is_asked_answers_and_the_asker_hears() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let nothing: News = ok(&api, wait(0, None)).await;
    assert!(nothing.questions.is_empty());

    let (news, asked): (News, Question) = tokio::join!(ok(&api, wait(10, Some(nothing.position))), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ok(&web, Call::Ask(question("Which port?", &["api"]))).await
    });
    assert_eq!(news.questions.iter().map(|q| &q.id).collect::<Vec<_>>(), [&asked.id]);
    let status: Status = ok(&api, Call::Status(Empty {})).await;
    assert_eq!((status.for_you, status.open_questions), (1, 1));
    assert_eq!(status.listening, ["http://127.0.0.1:7420"]);

    let before: News = ok(&web, wait(0, None)).await;
    let (heard, _): (News, Question) = tokio::join!(ok(&web, wait(10, Some(before.position))), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ok(&api, answer(&asked.id, "8080")).await
    });
    assert_eq!(heard.answers[0].answer.as_deref(), Some("8080"));
    let later: News = ok(&web, wait(0, Some(heard.position))).await;
    assert!(later.answers.is_empty(), "told once: {later:?}");
}

#[tokio::test]
async fn what_happened_while_nobody_waited_is_told_from_the_cursor_on() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let start: News = ok(&web, wait(0, None)).await;
    let asked: Question = ok(&web, Call::Ask(question("Which port?", &["api"]))).await;
    for round in 0..600 {
        let _: Entry = ok(&api, share("noise", &round.to_string())).await;
    }
    let _: Question = ok(&api, answer(&asked.id, "8080")).await;
    let mut after = start.position;
    let heard = loop {
        let news: News = ok(&web, wait(1, Some(after))).await;
        if !news.answers.is_empty() {
            break news;
        }
        assert!(news.position > after, "it gets on");
        after = news.position;
    };
    assert_eq!(heard.answers[0].answer.as_deref(), Some("8080"));
    // A question that was answered before it was heard of is no news to who was asked.
    let api_news: News = ok(&api, wait(0, Some(start.position))).await;
    assert!(api_news.questions.is_empty(), "{api_news:?}");
}

#[tokio::test]
async fn a_key_that_was_read_and_has_changed_is_told_once() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let _: Entry = ok(&api, share("port", "8080")).await;
    let _: Entry = ok(&web, get("port")).await;
    let _: Entry = ok(&api, share("port", "9090")).await;
    let news: News = ok(&web, wait(5, None)).await;
    assert_eq!(news.stale, [Stale { key: "port".into(), read: 1, now: 2 }]);
    let again: News = ok(&web, wait(0, Some(news.position))).await;
    assert!(again.stale.is_empty(), "{again:?}");
    let _: Entry = ok(&api, share("port", "7070")).await;
    let newer: News = ok(&web, wait(5, Some(again.position))).await;
    assert_eq!(newer.stale, [Stale { key: "port".into(), read: 1, now: 3 }]);
    let _: Entry = ok(&web, get("port")).await;
    let _: Entry = ok(&web, share("port", "mine")).await;
    let own: News = ok(&web, wait(0, None)).await;
    assert!(own.stale.is_empty(), "one's own change is no news: {own:?}");
}

#[tokio::test]
async fn waiting_never_holds_up_other_calls() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    let mut waits = JoinSet::new();
    for _ in 0..16 {
        let web = web.clone();
        waits.spawn(async move { web.call::<News>(wait(30, None)).await });
    }
    let too_many = loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let short = tokio::time::timeout(Duration::from_secs(2), web.call::<News>(wait(1, None))).await;
        if let Err(refused) = short.unwrap() {
            break refused;
        }
    };
    assert_eq!(too_many.code(), Some(ErrorCode::TooMany));
    let _: Status = ok(&web, Call::Status(Empty {})).await;
    let other = place.somebody().await;
    assert_eq!(
        refused(&other, wait(46, None)).await.0,
        ErrorCode::BadRequest,
        "nobody waits that long at once"
    );
}

#[tokio::test]
async fn an_answer_that_got_lost_is_told_again_to_whoever_asks_from_the_same_place() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let _: Entry = ok(&api, share("port", "8080")).await;
    let _: Entry = ok(&web, get("port")).await;
    let start: News = ok(&web, wait(0, None)).await;
    let _: Entry = ok(&api, share("port", "9090")).await;
    let changed = [Stale { key: "port".into(), read: 1, now: 2 }];
    // Whoever asked first never got it: nothing is told by being said.
    let lost: News = ok(&web, wait(0, Some(start.position))).await;
    assert_eq!(lost.stale, changed);
    let heard: News = ok(&web, wait(0, Some(start.position))).await;
    assert_eq!(heard.stale, changed);
    let all: News = ok(&web, wait(0, None)).await;
    assert_eq!(all.stale, changed, "without a place, all that is stale");
    let after: News = ok(&web, wait(0, Some(heard.position))).await;
    assert_eq!(after.stale, []);
}

#[tokio::test]
async fn large_questions_are_told_as_excerpts_and_none_is_lost() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let start: News = ok(&api, wait(0, None)).await;
    let large = "é".repeat(500_000);
    let mut asked = Vec::new();
    for number in 0..20 {
        let mut ask = question(&format!("{number} {large}"), &["api"]);
        ask.options = vec!["yes".into(), large.clone()];
        let put: Question = ok(&web, Call::Ask(ask)).await;
        asked.push(put.id);
    }
    let all: News = ok(&api, wait(0, None)).await;
    assert_eq!(all.questions.iter().map(|q| &q.id).collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
    for question in &all.questions {
        assert!(question.excerpt);
        assert_eq!(question.question.chars().count(), EXCERPT_CHARACTERS);
        assert_eq!(question.options, ["yes"]);
    }
    let list = Call::Questions(Questions { for_me: true, ..Questions::default() });
    let listed: Listing<Question> = ok(&api, list).await;
    assert_eq!(listed.items.len(), 20);
    let whole: Question =
        ok(&api, Call::Question(Ticket { question: asked[3].clone(), wait_seconds: 0 })).await;
    assert!(!whole.excerpt);
    assert_eq!((whole.question.len(), whole.options.len()), (large.len() + 2, 2));

    // From a place in the log on, the same come page after page.
    let (mut after, mut heard) = (start.position, Vec::new());
    loop {
        let news: News = ok(&api, wait(0, Some(after))).await;
        heard.extend(news.questions.into_iter().map(|question| question.id));
        after = news.position;
        if !news.behind {
            break;
        }
    }
    assert_eq!(heard, asked);
    let _: Question = ok(&api, answer(&asked[0], &large)).await;
    let answers: News = ok(&web, wait(5, Some(after))).await;
    assert_eq!(answers.answers[0].answer.as_ref().unwrap().chars().count(), EXCERPT_CHARACTERS);
    let all = Call::Questions(Questions { all: true, ..Questions::default() });
    assert_eq!(ok::<Listing<Question>>(&web, all).await.items.len(), 20);
}

#[tokio::test]
async fn who_is_behind_is_told_so() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let start: News = ok(&web, wait(0, None)).await;
    assert!(!start.behind);
    for round in 0..600 {
        let _: Entry = ok(&api, share("noise", &round.to_string())).await;
    }
    let (mut after, mut pages) = (start.position, 0);
    loop {
        let news: News = ok(&web, wait(0, Some(after))).await;
        (after, pages) = (news.position, pages + 1);
        if !news.behind {
            break;
        }
    }
    assert!(pages > 1);
    let status: Status = ok(&web, Call::Status(Empty {})).await;
    assert_eq!(after, status.position);
}

#[tokio::test]
async fn a_wait_that_nobody_waits_for_any_more_takes_no_place() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    for _ in 0..3 {
        let mut waits = JoinSet::new();
        for _ in 0..16 {
            let web = web.clone();
            waits.spawn(async move { web.call::<News>(wait(45, None)).await });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(waits.try_join_next().is_none(), "all of them wait");
        // Their callers go away.
        drop(waits);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let news: News = ok(&web, wait(1, None)).await;
    assert!(news.position > 0);
}
