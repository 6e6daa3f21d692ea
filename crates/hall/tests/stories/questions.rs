//! Questions that nobody answers in time, told on a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use model::questions::{Answer, Ask, OnTimeout, Question, Status};
use model::rows::Table;
use model::{Address, Command, Fact, MemberId, Position, Principal, QuestionId, Text};

use crate::scene::Scene;

const MINUTE: Duration = Duration::from_secs(60);

async fn ask(scene: &Scene, to: &[&str], then: OnTimeout) -> Arc<Question> {
    let command = Command::Ask(Ask {
        text: Text::new("Which port?"),
        author: MemberId::hall(),
        to: to.iter().map(|to| Address::parse(to).unwrap()).collect(),
        options: [].into(),
        patience: Some((MINUTE, then)),
    });
    let done = scene.workspace.carry_out(&Principal::local(), command).await.unwrap();
    match done.entries[0].fact() {
        Fact::QuestionAsked(question) => question.clone(),
        other => panic!("asking made {other:?}"),
    }
}

/// Moves the clock past the deadline; `prod` is an unrelated question that makes the timers look at it.
async fn after_the_deadline(scene: &Scene, id: &QuestionId) -> Arc<Question> {
    let before = scene.workspace.question(id).await.unwrap().unwrap();
    scene.later(MINUTE);
    let mut head = scene.workspace.head();
    ask(scene, &[], OnTimeout::Fail).await;
    loop {
        let now = scene.workspace.question(id).await.unwrap().unwrap();
        if now != before {
            return now;
        }
        head.changed().await.unwrap();
    }
}

#[tokio::test]
async fn the_default_answer_is_given_when_the_time_is_over() {
    let scene = Scene::new().await;
    let question = ask(&scene, &[], OnTimeout::Default(Text::new("7420"))).await;
    let now = after_the_deadline(&scene, &question.id).await;
    let Status::Answered(answered) = &now.status else { panic!("{now:?}") };
    assert_eq!(answered.answer.decode(), "7420");
    assert_eq!(answered.by, MemberId::hall());
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
    let scene = Scene::new().await;
    let right = scene.clock.now();
    scene.later(24 * 60 * MINUTE);
    scene.share("plan", "one").await;
    scene.clock.set(right);
    let question = ask(&scene, &[], OnTimeout::Default(Text::new("7420"))).await;
    assert_eq!(question.patience.as_ref().unwrap().deadline, right.after(MINUTE));
    assert!(question.asked_at > right, "the log's time does not go back");
    let now = after_the_deadline(&scene, &question.id).await;
    assert!(matches!(now.status, Status::Answered(_)), "{now:?}");
}

#[tokio::test]
async fn the_next_is_asked_and_after_the_last_it_is_given_up() {
    let scene = Scene::new().await;
    let question = ask(&scene, &["web", "api"], OnTimeout::Next).await;
    assert_eq!(question.asked_now(), [Address::Agent("web".into())]);
    let now = after_the_deadline(&scene, &question.id).await;
    assert_eq!(now.asked_now(), [Address::Agent("api".into())]);
    let now = after_the_deadline(&scene, &question.id).await;
    assert!(matches!(now.status, Status::Failed { .. }), "{now:?}");
}

#[tokio::test]
async fn a_person_is_waited_for_without_end() {
    let scene = Scene::new().await;
    let question = ask(&scene, &["web"], OnTimeout::Human).await;
    let now = after_the_deadline(&scene, &question.id).await;
    assert_eq!(now.asked_now(), [Address::AnyPerson]);
    assert!(now.is_pending() && now.patience.is_none());
}

#[tokio::test]
async fn two_who_answer_at_once_are_both_heard_and_the_later_counts() {
    let scene = Scene::new().await;
    let question = ask(&scene, &[], OnTimeout::Fail).await;
    let answer = |text: &str| {
        Command::Answer(Answer {
            question: question.id.clone(),
            answer: Text::new(text),
            author: MemberId::hall(),
            person: false,
            known: None,
        })
    };
    let first = scene.workspace.submit(&Principal::local(), answer("one")).await.unwrap();
    let second = scene.workspace.submit(&Principal::local(), answer("two")).await.unwrap();
    first.outcome().await.unwrap();
    second.outcome().await.unwrap();
    let now = scene.workspace.question(&question.id).await.unwrap().unwrap();
    let Status::Answered(answered) = &now.status else { panic!("{now:?}") };
    assert_eq!(answered.answer.decode(), "two");
}

#[tokio::test]
async fn what_is_asked_of_a_person_no_agent_answers_through_whatever_door() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let question = ask(&scene, &["person:ada", "api"], OnTimeout::Fail).await;
    let answer = |author: &MemberId, person| {
        Command::Answer(Answer {
            question: question.id.clone(),
            answer: Text::new("yes"),
            author: author.clone(),
            person,
            known: None,
        })
    };
    let by = |principal: Principal, command| {
        let workspace = scene.workspace.clone();
        async move { workspace.carry_out(&principal, command).await }
    };
    let forbidden = |outcome: Result<hall::Done, hall::Declined>| {
        matches!(outcome, Err(hall::Declined::Refused(model::Refusal::Forbidden(_))))
    };
    assert!(forbidden(by(Principal::local(), answer(&web.id, false)).await), "it was not asked");
    assert!(forbidden(by(Principal::compat(), answer(&api.id, false)).await), "it only claims to be who was");
    by(Principal::local(), answer(&api.id, false)).await.unwrap();
    assert!(
        forbidden(by(Principal::local(), answer(&api.id, false)).await),
        "and changes nothing afterwards"
    );
    by(Principal::owner(), answer(&MemberId::of_person("default", "owner"), true)).await.unwrap();
}

#[tokio::test]
async fn a_deadline_that_passes_while_nothing_runs_is_kept_at_the_next_start() {
    let scene = Scene::new().await;
    let question = ask(&scene, &[], OnTimeout::Fail).await;
    let late = scene.clock.now().after(2 * MINUTE);
    scene.hall.close().await;
    let clock = hall::Clock::manual(late);
    let options = hall::Options { clock, ..hall::Options::default() };
    let hall = hall::Hall::open(scene.store.clone(), options).await.unwrap();
    let workspace = hall.workspace(scene.workspace.name()).unwrap();
    let mut head = workspace.head();
    while workspace.question(&question.id).await.unwrap().unwrap().is_pending() {
        head.changed().await.unwrap();
    }
}

#[tokio::test]
async fn who_answers_in_time_is_not_overtaken_by_the_clock() {
    let scene = Scene::new().await;
    let question = ask(&scene, &[], OnTimeout::Default(Text::new("default"))).await;
    let answer = |text: &str| {
        Command::Answer(Answer {
            question: question.id.clone(),
            answer: Text::new(text),
            author: MemberId::hall(),
            person: false,
            known: None,
        })
    };
    scene.workspace.carry_out(&Principal::local(), answer("mine")).await.unwrap();
    let other = ask(&scene, &[], OnTimeout::Fail).await;
    after_the_deadline(&scene, &other.id).await;
    let read = |question: Arc<Question>| match &question.status {
        Status::Answered(answered) => answered.answer.decode().into_owned(),
        other => format!("{other:?}"),
    };
    let now = scene.workspace.question(&question.id).await.unwrap().unwrap();
    assert_eq!(read(now), "mine");
    // Answering again overwrites, as the old coordinator did.
    scene.workspace.carry_out(&Principal::local(), answer("better")).await.unwrap();
    let now = scene.workspace.question(&question.id).await.unwrap().unwrap();
    assert_eq!(read(now), "better");
}

#[tokio::test]
async fn a_page_goes_on_behind_a_question_that_was_just_answered() {
    let scene = Scene::new().await;
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(ask(&scene, &[], OnTimeout::Fail).await.id.clone());
    }
    // Long enough for the rows to be written, so that only the answer's is not.
    while scene.store.projected(scene.workspace.name()).await.unwrap() < scene.workspace.state().position() {
        tokio::task::yield_now().await;
    }
    let answer = Command::Answer(Answer {
        question: asked[1].clone(),
        answer: Text::new("7420"),
        author: MemberId::hall(),
        person: false,
        known: None,
    });
    scene.workspace.carry_out(&Principal::local(), answer).await.unwrap();
    let (place, answered): (Position, Question) =
        scene.workspace.row(Table::Questions, asked[1].as_str()).await.unwrap().unwrap();
    assert!(matches!(answered.status, Status::Answered(_)));
    let rest: Vec<(Position, Question)> = scene.workspace.rows(Table::Questions, place, 10).await.unwrap();
    assert_eq!(rest.iter().map(|(_, question)| &question.id).collect::<Vec<_>>(), [&asked[2], &asked[3]]);
}
