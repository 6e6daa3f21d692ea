//! Messages: whoever is written to finds what was written, once, wherever it was meanwhile.

use std::sync::Arc;
use std::time::Duration;

use hall::mail::{Fetched, Handed, Shown, message};
use model::lists::List;
use model::mailboxes::{Follow, Stage};
use model::messages::{Message, Party, Priority, Recipient, Send, To};
use model::roster::{Leave, Membership, Reason};
use model::{AgentId, Command, Fact, MemberId, Position, Principal, Text};
use store::{MemoryStore, Span, SqliteStore, Store};

use crate::scene::{Scene, join};

fn letter(from: &Membership, to: &str, content: &str) -> Send {
    let to = match to.strip_prefix('#') {
        Some(topic) => To::Topic(topic.into()),
        None => To::Party(to.into()),
    };
    Send {
        workspace: "default".into(),
        author: from.id.clone(),
        to,
        reply_to: None,
        thread: None,
        content: Text::new(content),
        priority: Priority::Normal,
        ttl: None,
        attachments: [].into(),
        resends: None,
        found: None,
    }
}

async fn send(scene: &Scene, send: Send) -> Arc<Message> {
    let done = scene.workspace.carry_out(&Principal::local(), Command::Send(send)).await.unwrap();
    message(&done.entries[0]).unwrap().clone()
}

async fn say(scene: &Scene, from: &Membership, to: &str, content: &str) -> Arc<Message> {
    send(scene, letter(from, to, content)).await
}

fn reader(member: &Membership) -> Party {
    Party { id: member.agent.clone(), name: member.name.clone() }
}

async fn fetch(scene: &Scene, member: &Membership) -> Fetched {
    scene.workspace.fetch(&member.agent, 1_000, u64::MAX).await.unwrap()
}

async fn take(scene: &Scene, member: &Membership, fetched: Fetched) {
    let by = Principal::local();
    let took = scene.workspace.take(&by, reader(member), Stage::Delivered, "a pong", fetched.receipt);
    took.await.unwrap();
}

fn contents(fetched: &Fetched) -> Vec<String> {
    fetched.messages.iter().map(|entry| message(entry).unwrap().content.decode().into_owned()).collect()
}

#[tokio::test]
async fn a_message_waits_for_a_reader_that_is_away_and_through_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let scene = Scene::on(Arc::new(SqliteStore::open(directory.path()).unwrap())).await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let leave = Leave { member: api.id.clone(), reason: Reason::Left };
    scene.workspace.carry_out(&Principal::local(), Command::Leave(leave)).await.unwrap();
    let sent = say(&scene, &web, "api", "the tests are red").await;
    assert_eq!(sent.to, Recipient::Party(reader(&api)));

    let scene = scene.again().await;
    let again = scene.join("api").await;
    assert_eq!(again.agent, api.agent, "one mailbox for one name");
    let fetched = fetch(&scene, &again).await;
    assert_eq!(contents(&fetched), ["the tests are red"]);
    assert_eq!(contents(&fetch(&scene, &again).await), ["the tests are red"], "looking takes nothing");

    take(&scene, &again, fetched).await;
    assert!(fetch(&scene, &again).await.messages.is_empty());
    let scene = scene.again().await;
    assert!(fetch(&scene, &again).await.messages.is_empty());
}

#[tokio::test]
async fn a_broadcast_is_each_followers_own() {
    let scene = Scene::new().await;
    let (web, api, ops) = (scene.join("web").await, scene.join("api").await, scene.join("ops").await);
    say(&scene, &web, "#broadcast", "lunch").await;
    let fetched = fetch(&scene, &api).await;
    assert_eq!(contents(&fetched), ["lunch"]);
    take(&scene, &api, fetched).await;
    assert_eq!(contents(&fetch(&scene, &ops).await), ["lunch"], "what one took the other still has");
    assert!(fetch(&scene, &web).await.messages.is_empty(), "nobody is told what they said themselves");
    let late = scene.join("late").await;
    assert!(fetch(&scene, &late).await.messages.is_empty(), "who was not here was not spoken to");
}

#[tokio::test]
async fn a_topic_reaches_those_that_follow_it_while_they_do() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let by = Principal::local();
    let follow = |on| {
        let (reader, topic) = (reader(&api), "builds".into());
        scene.workspace.carry_out(&by, Command::Follow(Follow { reader, topic, on }))
    };
    say(&scene, &web, "#builds", "before").await;
    assert_eq!(follow(true).await.unwrap().entries.len(), 1);
    say(&scene, &web, "#builds", "meanwhile").await;
    assert_eq!(contents(&fetch(&scene, &api).await), ["meanwhile"]);
    assert_eq!(follow(true).await.unwrap().entries.len(), 0, "it does already");
    assert_eq!(follow(false).await.unwrap().entries.len(), 1);
    assert!(fetch(&scene, &api).await.messages.is_empty());
}

#[tokio::test]
async fn what_matters_most_comes_first_and_what_is_left_waits_on() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    for (content, priority) in [
        ("low", Priority::Low),
        ("one", Priority::Normal),
        ("urgent", Priority::High),
        ("two", Priority::Normal),
    ] {
        send(&scene, Send { priority, ..letter(&web, "api", content) }).await;
    }
    let first = scene.workspace.fetch(&api.agent, 2, u64::MAX).await.unwrap();
    assert_eq!((contents(&first), first.left), (vec!["urgent".to_owned(), "one".to_owned()], 2));
    take(&scene, &api, first).await;
    let rest = fetch(&scene, &api).await;
    assert_eq!(contents(&rest), ["two", "low"]);
    let seen = scene.workspace.mailbox(&api.agent).unwrap();
    take(&scene, &api, rest).await;
    let low = scene.workspace.mailbox(&api.agent).unwrap().low();
    assert!(low > seen.low(), "everything before is one range now");
    assert!(fetch(&scene, &api).await.messages.is_empty());
}

#[tokio::test]
async fn a_message_that_has_expired_is_not_offered_and_not_said_to_have_arrived() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let ttl = Some(Duration::from_secs(60));
    let brief = send(&scene, Send { ttl, ..letter(&web, "api", "quick!") }).await;
    let place = scene.workspace.state().position();
    assert_eq!(contents(&fetch(&scene, &api).await), ["quick!"]);
    scene.later(Duration::from_secs(60));
    say(&scene, &web, "api", "never mind").await;
    let fetched = fetch(&scene, &api).await;
    assert_eq!(contents(&fetched), ["never mind"]);
    take(&scene, &api, fetched).await;
    let progress = scene.workspace.progress(&api.agent, place, &brief).await.unwrap();
    assert_eq!(progress.delivered, None, "it lies within what was taken, and was not shown");
}

#[tokio::test]
async fn how_far_a_message_has_come_is_what_was_proved_and_no_more() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let sent = say(&scene, &web, "api", "please").await;
    let place = scene.workspace.state().position();
    let progress = || scene.workspace.progress(&api.agent, place, &sent);
    assert_eq!(progress().await.unwrap(), hall::mail::Progress::default());
    let fetched = fetch(&scene, &api).await;
    assert_eq!(progress().await.unwrap().delivered, None, "it was shown, and nothing shows that it arrived");
    let shown = fetched.receipt.clone();
    take(&scene, &api, fetched).await;
    let delivered = progress().await.unwrap();
    assert!(delivered.delivered.is_some() && delivered.read.is_none());
    let by = Principal::local();
    scene.workspace.take(&by, reader(&api), Stage::Read, "it said so", shown.clone()).await.unwrap();
    assert!(progress().await.unwrap().read.is_some());
    let again = scene.workspace.take(&by, reader(&api), Stage::Read, "it said so", shown).await.unwrap();
    assert!(again.entries.is_empty(), "said twice, written once");
}

#[tokio::test]
async fn a_message_to_nobody_is_a_dead_letter_that_can_be_listed() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let done =
        scene.workspace.carry_out(&Principal::local(), Command::Send(letter(&web, "nobody", "hello?"))).await;
    let done = done.unwrap();
    let Fact::MessageDied(dead) = done.entries[0].fact() else { panic!("{done:?}") };
    assert_eq!(dead.to, Recipient::Unknown("nobody".into()));
    let span = Span { after: Position::START, before: None, most: 10, newest_first: true };
    let listed = scene.workspace.messages(&List::DeadLetters, span).await.unwrap();
    assert_eq!((listed.len(), &listed[0].1.from.name), (1, &web.name));

    // It is sent again when there is somebody.
    let late = scene.join("nobody").await;
    let again =
        send(&scene, Send { resends: Some(dead.id.clone()), ..letter(&web, "nobody", "hello?") }).await;
    assert_eq!(again.resends.as_ref(), Some(&dead.id));
    assert_eq!(contents(&fetch(&scene, &late).await), ["hello?"]);
}

#[tokio::test]
async fn whoever_is_named_is_found_by_name_by_id_and_in_the_same_breath() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let by = Principal::local();
    let joining = scene.workspace.submit(&by, crate::scene::join("api")).await.unwrap();
    let sending = scene.workspace.submit(&by, Command::Send(letter(&web, "api", "welcome"))).await.unwrap();
    let joined = joining.outcome().await.unwrap();
    let Fact::MemberJoined(api) = joined.entries[0].fact() else { panic!("{joined:?}") };
    sending.outcome().await.unwrap();
    say(&scene, &web, api.agent.as_str(), "by agent").await;
    say(&scene, &web, api.id.as_str(), "by membership").await;
    assert_eq!(contents(&fetch(&scene, api).await), ["welcome", "by agent", "by membership"]);

    let stranger = Send { author: MemberId::hall(), ..letter(&web, "api", "boo") };
    let refused = scene.workspace.carry_out(&by, Command::Send(stranger)).await.unwrap_err();
    assert!(refused.to_string().contains("Sender not found"), "{refused}");
    assert_eq!(AgentId::of("default", "api"), api.agent);
}

#[tokio::test]
async fn a_person_has_a_mailbox_too() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    say(&scene, &web, "person:owner", "which port?").await;
    let owner = AgentId::of_person("default", "owner");
    let waiting = scene.workspace.waiting(&owner).await.unwrap();
    assert_eq!(waiting.messages.len(), 1);
    let answer = Send { author: MemberId::of_person("default", "owner"), ..letter(&web, "web", "7420") };
    scene.workspace.carry_out(&Principal::owner(), Command::Send(answer)).await.unwrap();
    let fetched = fetch(&scene, &web).await;
    assert_eq!(&*message(&fetched.messages[0]).unwrap().from.name, "person:owner");
}

#[tokio::test]
async fn what_a_person_wrote_can_be_answered_by_the_id_of_its_mailbox() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    let by_owner =
        Send { author: MemberId::of_person("default", "owner"), ..letter(&web, "web", "which port?") };
    scene.workspace.carry_out(&Principal::owner(), Command::Send(by_owner)).await.unwrap();
    let asked = fetch(&scene, &web).await;
    let from = &message(&asked.messages[0]).unwrap().from;
    let answer = say(&scene, &web, from.id.as_str(), "7420").await;
    assert_eq!(answer.to, Recipient::Party(from.clone()));
}

#[tokio::test]
async fn a_receipt_that_names_places_again_and_again_says_it_once() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    say(&scene, &web, "api", "hello").await;
    let end = scene.workspace.state().position();
    let named = vec![(Position(1), Position(u64::MAX)); 2_000];
    let shown = scene.workspace.shown(&api.agent, Stage::Delivered, &named).await.unwrap();
    assert_eq!(shown, Shown { ranges: vec![(Position(1), end)], senders: vec![web.agent.clone()] });

    let take = async |shown| {
        let by = Principal::local();
        scene.workspace.take(&by, reader(&api), Stage::Delivered, "it says so", shown).await.unwrap()
    };
    assert_eq!(take(shown).await.entries.len(), 1);
    say(&scene, &api, "web", "what others are told is no news of this reader").await;
    let shown = scene.workspace.shown(&api.agent, Stage::Delivered, &named).await.unwrap();
    assert!(take(shown).await.entries.is_empty());
}

#[tokio::test]
async fn a_receipt_of_many_ranges_is_for_those_that_hold_something() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let mut places = Vec::new();
    // One to the reader, one to another, one to all, in turn.
    for n in 0..300 {
        say(&scene, &web, ["api", "web", "#broadcast"][n % 3], &n.to_string()).await;
        places.push(scene.workspace.state().position());
    }
    let named: Vec<_> = places.iter().map(|place| (*place, *place)).step_by(2).collect();
    let shown = scene.workspace.shown(&api.agent, Stage::Delivered, &named).await.unwrap();
    let mine = named.iter().enumerate().filter(|(n, _)| 2 * n % 3 != 1).map(|(_, range)| *range);
    assert_eq!(shown, Shown { ranges: mine.collect(), senders: vec![web.agent.clone()] });
    let nothing = scene.workspace.shown(&web.agent, Stage::Delivered, &named[..1]).await.unwrap();
    assert_eq!(nothing, Shown::default(), "what is another's is nothing to this reader");
}

#[tokio::test]
async fn what_stands_behind_a_great_many_of_ones_own_is_found_by_going_on() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    // So many take longer than the hall waits for somebody who shows no sign of life.
    let _here = [scene.workspace.attend(&web.id), scene.workspace.attend(&api.id)];
    say(&scene, &web, "api", "to you").await;
    say(&scene, &web, "#broadcast", "to all").await;
    let many = (0..hall::limits::HISTORY_SCAN + 5).map(|_| letter(&api, "#broadcast", "mine"));
    let mut submitted = Vec::new();
    for send in many {
        submitted.push(scene.workspace.submit(&Principal::local(), Command::Send(send)).await.unwrap());
        if submitted.len() == 1_000 {
            for send in submitted.drain(..) {
                send.outcome().await.unwrap();
            }
        }
    }
    for send in submitted {
        send.outcome().await.unwrap();
    }
    let page = scene.workspace.received(&api.agent, None, 10).await.unwrap();
    assert!(page.messages.is_empty() && page.before.is_some(), "{page:?}");
    let page = scene.workspace.received(&api.agent, page.before, 10).await.unwrap();
    assert_eq!((page.messages.len(), page.before), (2, None));
    let first = scene.workspace.received(&api.agent, page.before, 1).await.unwrap();
    assert_eq!((first.messages.len(), first.before.is_some()), (0, true));
    let one = scene.workspace.received(&api.agent, first.before, 1).await.unwrap();
    assert_eq!(one.before, one.messages.first().map(|(place, _)| *place), "there are exactly as many more");
}

#[tokio::test]
async fn pages_go_on_from_what_was_gathered_whatever_happens_between_them() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let by = Principal::local();
    let topic = |on| Command::Follow(Follow { reader: reader(&api), topic: "news".into(), on });
    scene.workspace.carry_out(&by, topic(true)).await.unwrap();
    let many = 2 * hall::limits::GATHERED_FROM;
    for n in 0..many {
        say(&scene, &web, if n % 2 == 0 { "api" } else { "#news" }, &n.to_string()).await;
    }
    let (mut got, mut n) = (Vec::new(), 0);
    loop {
        let page = scene.workspace.fetch(&api.agent, 7, u64::MAX).await.unwrap();
        if page.messages.is_empty() {
            break;
        }
        got.extend(contents(&page));
        take(&scene, &api, page).await;
        // More comes, and is shown in its turn.
        if n < 20 {
            say(&scene, &web, "api", &(many + n).to_string()).await;
        }
        n += 1;
    }
    assert_eq!(got, (0..many + 20).map(|n| n.to_string()).collect::<Vec<_>>());

    // Of a topic that is left nothing waits any more, also if it was gathered.
    for n in 0..many {
        say(&scene, &web, if n % 2 == 0 { "api" } else { "#news" }, &n.to_string()).await;
    }
    assert_eq!(scene.workspace.waiting(&api.agent).await.unwrap().messages.len(), many);
    scene.workspace.carry_out(&by, topic(false)).await.unwrap();
    assert_eq!(scene.workspace.waiting(&api.agent).await.unwrap().messages.len(), many / 2);
}

#[tokio::test]
async fn a_reader_that_was_away_for_long_gets_everything_in_pages() {
    const MANY: usize = 5_000;
    let scene = Scene::on(Arc::new(MemoryStore::default()) as Arc<dyn Store>).await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let mut submitted = Vec::new();
    for n in 0..MANY {
        let command =
            Command::Send(letter(&web, if n % 10 == 0 { "#broadcast" } else { "api" }, &n.to_string()));
        submitted.push(scene.workspace.submit(&Principal::local(), command).await.unwrap());
    }
    for outcome in submitted {
        outcome.outcome().await.unwrap();
    }
    let mut got = Vec::new();
    loop {
        let page = scene.workspace.fetch(&api.agent, 700, u64::MAX).await.unwrap();
        if page.messages.is_empty() {
            break;
        }
        assert_eq!(page.left, MANY - got.len() - page.messages.len());
        got.extend(contents(&page));
        take(&scene, &api, page).await;
    }
    assert_eq!(got, (0..MANY).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn lists_made_anew_are_the_same_to_the_letter() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let scene = Scene::on(store.clone()).await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    say(&scene, &web, "api", "one").await;
    let reply_to = Some(scene.workspace.state().position());
    send(&scene, Send { reply_to, ..letter(&api, "web", "two") }).await;
    say(&scene, &web, "#broadcast", "three").await;
    // What is sent after a restart is not written together with what was sent before; when it is made anew, it is.
    scene.hall.close().await;
    let scene = Scene::on(store.clone()).await;
    say(&scene, &web, "api", "four").await;
    let fetched = fetch(&scene, &api).await;
    assert_eq!(contents(&fetched), ["one", "three", "four"]);
    take(&scene, &api, fetched).await;
    scene.hall.close().await;
    let name = model::WorkspaceName::default_workspace();
    let before = hall::dump(&*store, &name).await.unwrap();
    assert!(
        before.contains("thread/") && before.contains("delivered/") && before.contains("topic/broadcast")
    );
    hall::rebuild(&*store, &name).await.unwrap();
    assert_eq!(hall::dump(&*store, &name).await.unwrap(), before);
}

#[tokio::test]
async fn what_was_read_before_it_was_fetched_is_not_said_to_have_been_fetched() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    say(&scene, &web, "api", "one").await;
    let read = say(&scene, &web, "api", "two").await;
    let place = scene.workspace.state().position();
    say(&scene, &web, "api", "three").await;
    let shown = Shown { ranges: vec![(place, place)], senders: vec![web.agent.clone()] };
    let by = Principal::local();
    scene.workspace.take(&by, reader(&api), Stage::Read, "it said so", shown).await.unwrap();
    let fetched = fetch(&scene, &api).await;
    assert_eq!(contents(&fetched), ["one", "three"]);
    take(&scene, &api, fetched).await;
    let progress = scene.workspace.progress(&api.agent, place, &read).await.unwrap();
    assert!(progress.read.is_some() && progress.delivered.is_none(), "{progress:?}");
    assert!(fetch(&scene, &api).await.messages.is_empty());
}

#[tokio::test]
async fn what_is_said_between_two_is_for_them_and_for_whoever_holds_their_names() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let eve = Principal::parse("eve").unwrap();
    scene.workspace.carry_out(&eve, join("spy")).await.unwrap();
    let spy = AgentId::of("default", "spy");
    let (secret, news) =
        (say(&scene, &web, "api", "psst").await, say(&scene, &web, "#broadcast", "hi").await);
    let state = scene.workspace.state();
    let may = |reader, by: &Principal, message: &Message| {
        state.mailboxes.may_read(reader, by, &message.from.id, &message.to)
    };
    assert!(may(Some(&api.agent), &eve, &secret), "its recipient, whoever acts for it");
    assert!(may(None, &Principal::local(), &secret), "whoever holds both names");
    assert!(!may(Some(&spy), &eve, &secret));
    assert!(may(Some(&spy), &eve, &news));
}

#[tokio::test]
async fn nobody_can_be_called_by_the_id_of_another() {
    let scene = Scene::new().await;
    let web = scene.join("web").await;
    // Ids follow from names: also that of somebody who has not come yet is known to whoever can compute it.
    let absent = AgentId::of(scene.workspace.name().as_str(), "api");
    for id in [web.agent.as_str(), web.id.as_str(), absent.as_str()] {
        let refused = scene.workspace.carry_out(&Principal::compat(), join(id)).await.unwrap_err();
        assert!(refused.to_string().contains("is somebody else's id"), "{refused}");
    }
}

#[tokio::test]
async fn messages_are_found_in_a_mailbox_by_id_and_place_however_many_came_after_them() {
    const MANY: usize = 2 * hall::limits::LIST_PAGE * hall::limits::MAILBOX_PAGES;
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    // So many take longer than the hall waits for somebody who shows no sign of life.
    let _here = scene.workspace.attend(&web.id);
    let first = say(&scene, &web, "api", "first").await;
    let place = scene.workspace.state().position();
    let second = say(&scene, &web, "api", "second").await;
    for chunk in 0..MANY / 1_000 {
        let sent = (0..1_000).map(|n| letter(&web, "api", &format!("{chunk} {n}")));
        let mut submitted = Vec::new();
        for send in sent {
            submitted.push(scene.workspace.submit(&Principal::local(), Command::Send(send)).await.unwrap());
        }
        for send in submitted {
            send.outcome().await.unwrap();
        }
    }
    // Some to all behind them: of two lists the one that reaches less far back bounds what is known.
    for n in 0..600 {
        say(&scene, &web, "#broadcast", &n.to_string()).await;
    }
    let find = async |ids: &[String], places: &[Position]| {
        scene.workspace.find_messages(&api.agent, ids, places, &Handed::default()).await.unwrap()
    };
    let ids = [first.id.to_string(), second.id.to_string(), "nobody's".into()];
    let found = find(&ids, &[]).await;
    assert_eq!((found.count, found.shown.ranges.len()), (2, 1), "among those that wait");
    let page = scene.workspace.fetch(&api.agent, 1_000, u64::MAX).await.unwrap();
    take(&scene, &api, page).await;
    let found = find(&ids, &[place]).await;
    assert_eq!(found.count, 3, "and among those that were taken last");
    assert!(found.shown.ranges.iter().any(|(from, to)| *from <= place && place <= *to));
    assert_eq!(find(&[], &[Position(1)]).await.count, 0, "a joining is no message");
}

#[tokio::test]
async fn what_was_had_before_comes_no_further_with_what_lies_around_it() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    say(&scene, &web, "api", "one").await;
    let urgent = send(&scene, Send { priority: Priority::High, ..letter(&web, "api", "urgent") }).await;
    let place = scene.workspace.state().position();
    say(&scene, &web, "api", "two").await;
    let page = scene.workspace.fetch(&api.agent, 1, u64::MAX).await.unwrap();
    assert_eq!(contents(&page), ["urgent"]);
    take(&scene, &api, page).await;

    let page = fetch(&scene, &api).await;
    assert_eq!(contents(&page), ["one", "two"]);
    let by = Principal::local();
    scene.workspace.take(&by, reader(&api), Stage::Read, "it says so", page.receipt).await.unwrap();
    let urgent = scene.workspace.progress_of(place, &urgent).await.unwrap();
    assert!(urgent.delivered.is_some() && urgent.read.is_none(), "{urgent:?}");
    assert!(fetch(&scene, &api).await.messages.is_empty());
}

#[tokio::test]
async fn marking_one_after_the_other_leaves_no_gaps() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    for n in 0..20 {
        let message = say(&scene, &web, "api", &n.to_string()).await;
        let place = scene.workspace.state().position();
        say(&scene, &api, "web", "what lies between").await;
        let (ids, places) =
            if n % 2 == 0 { (vec![message.id.to_string()], vec![]) } else { (vec![], vec![place]) };
        let found =
            scene.workspace.find_messages(&api.agent, &ids, &places, &Handed::default()).await.unwrap();
        assert_eq!(found.count, 1);
        let by = Principal::local();
        scene.workspace.take(&by, reader(&api), Stage::Read, "it says so", found.shown).await.unwrap();
        assert_eq!(
            scene.workspace.mailbox(&api.agent).unwrap().low(),
            place,
            "nothing is left open before it"
        );
    }
}

#[tokio::test]
async fn of_a_broadcast_that_expires_only_those_count_who_had_it_in_time() {
    let scene = Scene::new().await;
    let (web, api, late) = (scene.join("web").await, scene.join("api").await, scene.join("late").await);
    let ttl = Some(Duration::from_secs(60));
    let message = send(&scene, Send { ttl, ..letter(&web, "#broadcast", "lunch") }).await;
    let place = scene.workspace.state().position();
    let page = fetch(&scene, &api).await;
    take(&scene, &api, page).await;
    scene.later(Duration::from_secs(120));
    say(&scene, &web, "late", "where were you?").await;
    let page = fetch(&scene, &late).await;
    assert_eq!(contents(&page), ["where were you?"]);
    take(&scene, &late, page).await;
    let readers = scene.workspace.progress_of(place, &message).await.unwrap().readers.unwrap();
    assert_eq!((readers.all, readers.delivered), (2, 1));
}

#[tokio::test]
async fn what_is_known_of_all_lists_is_looked_for_until_it_is_known() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let first = say(&scene, &web, "api", "first").await;
    for n in 0..1_200 {
        say(&scene, &web, "#broadcast", &n.to_string()).await;
    }
    while let page = fetch(&scene, &api).await
        && !page.messages.is_empty()
    {
        take(&scene, &api, page).await;
    }
    let ids = [first.id.to_string()];
    let found = scene.workspace.find_messages(&api.agent, &ids, &[], &Handed::default()).await.unwrap();
    assert_eq!(found.count, 1, "more than a page of broadcasts lies behind it");
}

#[tokio::test]
async fn gaps_between_what_was_had_are_closed() {
    let scene = Scene::new().await;
    let (web, api) = (scene.join("web").await, scene.join("api").await);
    let by = Principal::local();
    let mut places = Vec::new();
    for n in 0..9 {
        say(&scene, &web, "api", &n.to_string()).await;
        places.push(scene.workspace.state().position());
        say(&scene, &api, "web", "what lies between").await;
    }
    // Those in the middle were taken by their places alone, as they came.
    for place in &places[1..8] {
        let shown = Shown { ranges: vec![(*place, *place)], senders: vec![] };
        scene.workspace.take(&by, reader(&api), Stage::Delivered, "it waited", shown).await.unwrap();
    }
    let page = fetch(&scene, &api).await;
    assert_eq!(contents(&page), ["0", "8"]);
    let stage = Stage::Delivered;
    let shown = scene.workspace.shown(&api.agent, stage, &page.receipt.ranges).await.unwrap();
    scene.workspace.take(&by, reader(&api), stage, "it says so", shown).await.unwrap();
    for n in 0..9 {
        // Each further page closes some of what is left, without saying too much in one go.
        say(&scene, &web, "api", &n.to_string()).await;
        let page = fetch(&scene, &api).await;
        let shown = scene.workspace.shown(&api.agent, stage, &page.receipt.ranges).await.unwrap();
        scene.workspace.take(&by, reader(&api), stage, "it says so", shown).await.unwrap();
    }
    let low = scene.workspace.mailbox(&api.agent).unwrap().low();
    assert!(low > *places.last().unwrap(), "nothing is open any more: {low}");
}
