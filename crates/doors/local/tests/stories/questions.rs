//! Asking and answering, in time and too late, by those who may.

use std::time::Duration;

use client::protocol::{
    Answer, Ask, Call, ErrorCode, Listing, OnTimeout, Question, QuestionStatus, Questions, Ticket,
};

use crate::place::{Place, ok, refused};

pub(crate) fn question(text: &str, to: &[&str]) -> Ask {
    Ask {
        question: text.into(),
        to: to.iter().map(ToString::to_string).collect(),
        options: vec![],
        deadline_seconds: None,
        on_timeout: None,
        default: None,
        once: None,
    }
}

pub(crate) fn answer(ticket: &str, text: &str) -> Call {
    Call::Answer(Answer { question: ticket.into(), answer: text.into(), once: None })
}

fn wait_for(ticket: &str, seconds: u64) -> Call {
    Call::Question(Ticket { question: ticket.into(), wait_seconds: seconds })
}

#[tokio::test]
async fn an_agent_asks_a_person_holds_a_ticket_and_is_answered() {
    let place = Place::of_strangers().await;
    let (web, owner) = (place.agent("web").await, place.owner().await);
    let asked: Question = ok(
        &web,
        Call::Ask(Ask { options: vec!["yes".into(), "no".into()], ..question("May I deploy?", &["person"]) }),
    )
    .await;
    assert_eq!((asked.status, asked.from.as_str()), (QuestionStatus::Pending, "web"));

    let for_me = Call::Questions(Questions { for_me: true, ..Questions::default() });
    let waiting = ok::<Listing<Question>>(&owner, for_me).await.items;
    assert_eq!(waiting.iter().map(|q| &q.id).collect::<Vec<_>>(), [&asked.id]);
    assert_eq!(waiting[0].options, ["yes", "no"]);

    let (got, _): (Question, Question) = tokio::join!(ok(&web, wait_for(&asked.id, 10)), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ok(&owner, answer(&asked.id, "yes")).await
    });
    assert_eq!(got.answer.as_deref(), Some("yes"));
    assert_eq!(got.answered_by.as_deref(), Some("person:owner"));
    let open: Listing<Question> = ok(&owner, Call::Questions(Questions::default())).await;
    assert!(open.items.is_empty() && !open.more, "{open:?}");
    let all: Listing<Question> =
        ok(&owner, Call::Questions(Questions { all: true, ..Questions::default() })).await;
    assert_eq!(all.items.len(), 1);
}

#[tokio::test]
async fn only_the_owner_answers_for_a_person() {
    let place = Place::of_strangers().await;
    let (web, api) = (place.agent("web").await, place.agent("api").await);
    let asked: Question = ok(&web, Call::Ask(question("May I deploy?", &["person"]))).await;
    for (who, connection) in [
        ("its asker", &web),
        ("another agent", &api),
        ("a person without credential", &place.somebody().await),
    ] {
        let (code, message) = refused(connection, answer(&asked.id, "yes")).await;
        assert_eq!(code, ErrorCode::Forbidden, "{who}: {message}");
    }
    let _: Question = ok(&place.owner().await, answer(&asked.id, "no")).await;
    let (code, _) = refused(&web, answer(&asked.id, "yes")).await;
    assert_eq!(code, ErrorCode::Forbidden, "nor does an agent change a person's answer");
}

#[tokio::test]
async fn an_agent_that_is_asked_beside_a_person_may_be_first_and_not_second() {
    let place = Place::of_strangers().await;
    let (web, api, owner) = (place.agent("web").await, place.agent("api").await, place.owner().await);
    let asked: Question = ok(&web, Call::Ask(question("Which port?", &["api", "person"]))).await;
    let _: Question = ok(&api, answer(&asked.id, "8080")).await;
    let changed: Question = ok(&owner, answer(&asked.id, "9090")).await;
    assert_eq!(changed.answer.as_deref(), Some("9090"));
    assert_eq!(refused(&api, answer(&asked.id, "8080")).await.0, ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_deadline_passes_and_what_was_wished_for_happens() {
    let place = Place::of_strangers().await;
    let (web, owner) = (place.agent("web").await, place.owner().await);
    let (_api, docs) = (place.agent("api").await, place.agent("docs").await);
    let in_time = |to: &[&str], then| Ask {
        deadline_seconds: Some(1),
        on_timeout: Some(then),
        ..question("Tabs or spaces?", to)
    };
    let fail: Question = ok(&web, Call::Ask(in_time(&["api"], OnTimeout::Fail))).await;
    let default = Ask { default: Some("tabs".into()), ..in_time(&["api"], OnTimeout::Default) };
    let default: Question = ok(&web, Call::Ask(default)).await;
    let human: Question = ok(&web, Call::Ask(in_time(&["api"], OnTimeout::Human))).await;
    let next: Question = ok(&web, Call::Ask(in_time(&["api", "docs"], OnTimeout::Next))).await;
    assert_eq!(next.asked_now, ["api"]);
    assert!(next.deadline.is_some());

    let failed: Question = ok(&web, wait_for(&fail.id, 5)).await;
    assert_eq!((failed.status, failed.answer), (QuestionStatus::Failed, None));

    let defaulted: Question = ok(&web, wait_for(&default.id, 5)).await;
    assert_eq!(defaulted.answer.as_deref(), Some("tabs"));
    assert_eq!(defaulted.answered_by.as_deref(), Some("hall"));

    let with_a_person = async |ticket: &str| loop {
        let now: Question = ok(&web, wait_for(ticket, 0)).await;
        if now.asked_now == ["person"] {
            break now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let passed = tokio::time::timeout(Duration::from_secs(5), with_a_person(&human.id)).await.unwrap();
    assert_eq!((passed.status, passed.deadline), (QuestionStatus::Pending, None));
    assert_eq!(refused(&docs, answer(&human.id, "tabs")).await.0, ErrorCode::Forbidden);
    let _: Question = ok(&owner, answer(&human.id, "spaces")).await;

    // It was the next one's turn for a second, and then it was given up.
    let given_up: Question = ok(&web, wait_for(&next.id, 5)).await;
    assert_eq!(given_up.status, QuestionStatus::Failed);
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_the_reason() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    for (ask, code, says) in [
        (question("", &[]), ErrorCode::BadRequest, "at least one character"),
        (question("x", &["nobody"]), ErrorCode::NotFound, "nobody is known as \"nobody\"; here are web"),
        (question("x", &["role:king"]), ErrorCode::NotFound, "role:king"),
        (question("x", &["person:"]), ErrorCode::BadRequest, "person:"),
        (
            Ask { on_timeout: Some(OnTimeout::Human), ..question("x", &[]) },
            ErrorCode::BadRequest,
            "needs `deadline_seconds`",
        ),
        (
            Ask { deadline_seconds: Some(1), default: Some("y".into()), ..question("x", &[]) },
            ErrorCode::BadRequest,
            "only given with on_timeout `default`",
        ),
        (
            Ask { deadline_seconds: Some(1), on_timeout: Some(OnTimeout::Default), ..question("x", &[]) },
            ErrorCode::BadRequest,
            "needs the `default`",
        ),
        (Ask { deadline_seconds: Some(u64::MAX), ..question("x", &[]) }, ErrorCode::BadRequest, "366 days"),
    ] {
        let (got, message) = refused(&web, Call::Ask(ask)).await;
        assert_eq!(got, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
    let missing = "00000000-0000-4000-8000-000000000000";
    assert_eq!(refused(&web, answer(missing, "x")).await.0, ErrorCode::NotFound);
    assert_eq!(refused(&web, wait_for("nonsense", 0)).await.0, ErrorCode::BadRequest);
    assert_eq!(refused(&web, wait_for(missing, 46)).await.0, ErrorCode::BadRequest);
}

#[tokio::test]
async fn asking_twice_under_one_key_is_one_question() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    let ask = || Call::Ask(Ask { once: Some("k".into()), ..question("Once?", &[]) });
    let (first, second): (Question, Question) = (ok(&web, ask()).await, ok(&web, ask()).await);
    assert_eq!(first.id, second.id);
    let other = Call::Ask(Ask { once: Some("k".into()), ..question("Twice?", &[]) });
    assert_eq!(refused(&web, other).await.0, ErrorCode::Conflict);
}

#[tokio::test]
async fn names_in_a_message_command_no_terminal() {
    let place = Place::of_strangers().await;
    let web = place.agent("w\u{1b}[2Jeb").await;
    let (_, message) = refused(&web, Call::Ask(question("x", &["nob\u{1b}[2Jody"]))).await;
    assert!(message.contains("here are w\\u{1b}[2Jeb"), "{message}");
    assert!(!message.contains(char::is_control), "{message}");
}

#[tokio::test]
async fn any_open_question_is_found_by_the_beginning_of_its_id() {
    let place = Place::of_strangers().await;
    let (web, owner) = (place.agent("web").await, place.owner().await);
    let mut asked = Vec::new();
    for number in 0..1100 {
        let put: Question = ok(&web, Call::Ask(question(&format!("{number}?"), &["person"]))).await;
        asked.push(put.id);
    }
    let for_me = Questions { for_me: true, limit: Some(1000), ..Questions::default() };
    let newest: Listing<Question> = ok(&owner, Call::Questions(for_me)).await;
    assert_eq!((newest.items.len(), newest.more), (1000, true));
    for all in [false, true] {
        let beginning = Some(asked[0][..13].to_owned());
        let found = Questions { all, beginning, limit: Some(2), ..Questions::default() };
        let found: Listing<Question> = ok(&owner, Call::Questions(found)).await;
        assert_eq!(found.items.iter().map(|question| &question.id).collect::<Vec<_>>(), [&asked[0]]);
    }
}
