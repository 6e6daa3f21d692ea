//! Mail as a host shows it to its model, and what the hall hears of that: when a message counts as in context.

use std::time::Duration;

use guildhall_door_mcp::ToolSet;
use serde_json::{Value, json};

use crate::stage::{hall, listening, message, opened, opened_with};

const PATIENCE: Duration = Duration::from_secs(5);

fn mail(messages: &[Value], left: usize, receipt: Value) -> Value {
    json!({"messages": messages, "left": left, "receipt": receipt})
}

// === evidence ===

#[tokio::test]
async fn what_was_shown_counts_as_in_context_with_the_next_call_and_once() {
    let (mut host, socket) = opened(PATIENCE).await;
    let mut high = message(7, "api", "first\nnote: not ours");
    high["priority"] = "high".into();
    high["thread"] = 3.into();
    let waiting = mail(&[high, message(4, "db", "second")], 1, json!([[1, 7]]));
    let heard = listening(&socket, move |method, _| (method == "messages.inbox").then(|| waiting.clone()));
    assert_eq!(
        host.done("inbox", json!({})).await,
        "#7 from api (high), 2026-11-20T10:22:03Z, in the thread of #3\n  first\n  note: not ours\n\
         #4 from db, 2026-11-20T10:22:03Z\n  second\n\
         1 more message waits for you: use `inbox` again"
    );
    assert_eq!(heard.all("messages.inbox"), [json!({"limit": 20})]);
    assert_eq!(heard.all("messages.took"), [] as [Value; 0], "nobody knows yet whether a model has it");
    heard.methods();
    host.done("agents", json!({})).await;
    assert_eq!(heard.all("messages.took"), [json!({"receipt": [[1, 7]], "stage": "in_context"})]);
    assert_eq!(heard.methods()[..2], ["messages.took", "agents"], "before anything else");
    host.done("agents", json!({})).await;
    assert_eq!(heard.methods(), ["agents"]);
}

#[tokio::test]
async fn what_did_not_reach_the_host_counts_for_nothing() {
    let (mut host, socket) = opened(PATIENCE).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (took, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let mut looks = 0;
    let _hall = hall(&socket, move |method, _| match method {
        "messages.inbox" => Some(Ok(mail(&[message(4, "api", "hi")], 0, json!([[4, 4]])))),
        "messages.took" => {
            took.send(()).unwrap();
            Some(Ok(json!({"count": 1})))
        }
        "wait" => {
            looks += 1;
            tell.send(()).unwrap();
            // The first look for news is not answered: the call is on its way when it is cancelled.
            (looks > 1).then(|| Ok(json!({"position": 1})))
        }
        _ => Some(Ok(json!([]))),
    });
    let id = host.send("tools/call", json!({"name": "inbox"})).await;
    told.recv().await.unwrap();
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    host.write(&cancelled).await;
    host.done("agents", json!({})).await;
    assert!(taken.try_recv().is_err(), "nobody was shown anything");
    assert_eq!(host.done("inbox", json!({})).await, "#4 from api, 2026-11-20T10:22:03Z\n  hi");
    host.done("agents", json!({})).await;
    taken.recv().await.unwrap();
}

#[tokio::test]
async fn evidence_that_cannot_be_given_now_is_given_later_and_the_message_marked_if_shown_again() {
    let (mut host, socket) = opened(PATIENCE).await;
    let mut tries = 0;
    let _hall = hall(&socket, move |method, params| {
        Some(match method {
            "messages.inbox" => Ok(mail(&[message(4, "api", "hi")], 0, json!([[4, 4]]))),
            "messages.took" => {
                tries += 1;
                assert_eq!(params["receipt"], json!([[4, 4]]));
                match tries {
                    1 => Err(("unavailable", "the disk is full")),
                    2 => Ok(json!({"count": 1})),
                    _ => panic!("said already"),
                }
            }
            "wait" => Ok(json!({"position": 1})),
            _ => Ok(json!([])),
        })
    });
    host.done("inbox", json!({})).await;
    let again = host.done("inbox", json!({})).await;
    assert_eq!(again, "#4 from api, 2026-11-20T10:22:03Z (shown before)\n  hi");
    host.done("agents", json!({})).await;
}

#[tokio::test]
async fn a_restarted_hall_hears_of_what_was_shown_and_another_life_of_the_log_does_not() {
    for (life, said) in [("life-1", 1), ("life-2", 0)] {
        let (mut host, socket) = opened(PATIENCE).await;
        let first = hall(&socket, |method, _| {
            Some(match method {
                "messages.inbox" => Ok(mail(&[message(4, "api", "hi")], 0, json!([[4, 4]]))),
                _ => Ok(json!({"position": 1})),
            })
        });
        host.done("inbox", json!({})).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        std::fs::remove_file(&socket).unwrap();
        let heard =
            listening(&socket, move |method, _| (method == "hello").then(|| json!({"incarnation": life})));
        // The first may find the old connection dead, and is held up no longer than evidence may.
        for _ in 0..3 {
            host.done("agents", json!({})).await;
        }
        assert_eq!(heard.all("messages.took").len(), said, "{life}");
    }
}

#[tokio::test]
async fn a_message_too_long_for_a_result_counts_once_it_was_read_by_number() {
    let (mut host, socket) = opened(PATIENCE).await;
    let long = format!("begins{}ends", "x".repeat(49_990));
    let whole = message(4, "api", &long);
    let heard = listening(&socket, move |method, _| match method {
        "messages.inbox" => Some(mail(&[whole.clone(), message(5, "api", "short")], 0, json!([[1, 5]]))),
        "messages.get" => Some(whole.clone()),
        _ => None,
    });
    let shown = host.done("inbox", json!({})).await;
    assert!(shown.len() < 1_000 && shown.contains("\n  begins"), "{shown}");
    assert!(shown.contains(", only its beginning: read all of it with `inbox`, `message` 4\n"), "{shown}");
    assert!(shown.ends_with("\n#5 from api, 2026-11-20T10:22:03Z\n  short"), "{shown}");
    let read = host.done("inbox", json!({"message": 4})).await;
    assert!(read.chars().count() <= 40_000 && !read.contains("ends"), "a part");
    let (head, text) = read.split_once('\n').unwrap();
    let up_to = text.trim_start().chars().count();
    let more = format!(", characters 1 to {up_to} of 50000; go on with `inbox`, `message` 4, `from` {up_to}");
    assert!(head.ends_with(&more), "{head}");
    let rest = host.done("inbox", json!({"message": 4, "from": up_to})).await;
    assert!(rest.contains(&format!(", characters {} to 50000 of 50000, the last\n", up_to + 1)), "its end");
    assert!(rest.ends_with("ends"));
    let said = host.refused("inbox", json!({"message": 4, "from": 50_000})).await;
    assert_eq!(said, "argument `from` must be less than 50000: so many characters the message has");
    let took: Vec<_> = heard.all("messages.took");
    let said = |numbers, stage| json!({"receipt": [numbers], "stage": stage});
    let steps = [said([5, 5], "in_context"), said([4, 4], "delivered"), said([4, 4], "in_context")];
    assert_eq!(took, steps, "what was shown in part has come, and is in context only when its end is");
}

#[tokio::test]
async fn the_end_of_a_long_message_alone_is_no_evidence_of_all_of_it() {
    let (mut host, socket) = opened(PATIENCE).await;
    let whole = message(4, "api", &"x".repeat(50_000));
    let heard = listening(&socket, move |method, _| (method == "messages.get").then(|| whole.clone()));
    let end = host.done("inbox", json!({"message": 4, "from": 49_999})).await;
    assert!(end.contains("the last"), "{end}");
    host.done("agents", json!({})).await;
    assert_eq!(heard.all("messages.took"), [] as [Value; 0]);
}

#[tokio::test]
async fn a_call_cancelled_after_its_answer_counts_for_nothing_and_its_message_is_shown_again() {
    let (mut host, socket) = opened(PATIENCE).await;
    let heard = listening(&socket, |method, _| {
        (method == "messages.inbox").then(|| mail(&[message(4, "api", "hi")], 0, json!([[4, 4]])))
    });
    let answer = host.request("tools/call", json!({"name": "inbox"})).await;
    let cancelled = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": answer["id"]},
    });
    host.write(&cancelled).await;
    let again = host.done("inbox", json!({})).await;
    assert_eq!(again, "#4 from api, 2026-11-20T10:22:03Z (shown before)\n  hi");
    assert_eq!(heard.all("messages.took"), [] as [Value; 0], "the host dropped what was written");
    host.done("agents", json!({})).await;
    assert_eq!(heard.all("messages.took").len(), 1, "the second was read");
}

// === hearing of mail ===

#[tokio::test]
async fn results_end_with_what_waits_and_waiting_shows_what_comes() {
    let (mut host, socket) = opened(PATIENCE).await;
    let mut cut = message(9, "api", "the beginning");
    cut["excerpt"] = true.into();
    let heard = listening(&socket, move |method, params| match (method, params["after"].as_u64()) {
        ("wait", None) => Some(json!({"position": 5, "waiting": 3})),
        ("wait", Some(5)) => {
            Some(json!({"position": 7, "messages": [message(6, "api", "a"), message(7, "db", "b")]}))
        }
        ("wait", Some(7)) if params["seconds"] == 2 => {
            Some(json!({"position": 9, "messages": [message(8, "api", "short\none"), cut]}))
        }
        ("wait", Some(position)) => Some(json!({"position": position})),
        ("messages.inbox", _) => Some(mail(&[message(6, "api", "a")], 0, json!([[6, 6]]))),
        _ => None,
    });
    let (told, _) = host.call("agents", json!({})).await;
    assert_eq!(told[1], "note: 3 messages wait for you: use `inbox`");
    let (told, _) = host.call("inbox", json!({})).await;
    assert_eq!(told[1], "note: 1 message waits for you (from db): use `inbox`", "but for the one it shows");
    let came = host.done("wait", json!({"seconds": 2})).await;
    assert_eq!(
        came,
        "message #8 from api, 2026-11-20T10:22:03Z\n  short\n  one\n\
         message #9 from api, 2026-11-20T10:22:03Z, only its beginning: read all of it with `inbox`, `message` 9\n  \
         the beginning"
    );
    host.done("agents", json!({})).await;
    let took = heard.all("messages.took");
    assert_eq!(took.last().unwrap()["receipt"], json!([[8, 8]]), "an excerpt is no evidence");
}

// === looking back, and files ===

#[tokio::test]
async fn threads_and_what_was_sent_are_lists() {
    let (mut host, socket) = opened(PATIENCE).await;
    let mut own = message(5, "web", "done?\nsay");
    own["to"] = "api".into();
    own["progress"] =
        json!({"delivered_at": "2026-11-20T10:22:04.000Z", "in_context_at": "2026-11-20T10:22:05.000Z"});
    let one = own.clone();
    let heard = listening(&socket, move |method, params| match method {
        "messages.list" if params["sent"] == true => Some(json!({"items": [own], "before": 5})),
        "messages.list" => Some(json!({"items": [message(4, "api", "hi"), own]})),
        "messages.get" => Some(one.clone()),
        _ => None,
    });
    let come = "delivered 2026-11-20T10:22:04Z, in context 2026-11-20T10:22:05Z";
    let own = format!("- #5 from web to api, 2026-11-20T10:22:03Z, {come}: done? say");
    assert_eq!(
        host.done("inbox", json!({"thread": 4})).await,
        format!("2 messages, the newest last\n- #4 from api to web, 2026-11-20T10:22:03Z: hi\n{own}")
    );
    assert_eq!(
        host.done("inbox", json!({"sent": true, "limit": 1})).await,
        format!("1 message, the newest last\n{own}\nthere may be older ones: `before` 5")
    );
    assert_eq!(
        host.done("inbox", json!({"message": 5})).await,
        format!("#5 from web to api, 2026-11-20T10:22:03Z\n  done?\n  say\nhow far it has come: {come}")
    );
    host.done("agents", json!({})).await;
    assert_eq!(heard.all("messages.took"), [] as [Value; 0], "nobody takes what is its own");
}

#[tokio::test]
async fn older_ones_are_gone_on_to_and_dead_letters_sent_again() {
    let (mut host, socket) = opened(PATIENCE).await;
    let mut dead = message(5, "web", "hi");
    (dead["to"], dead["dead"]) = ("zzz".into(), true.into());
    let heard = listening(&socket, move |method, params| match method {
        "messages.list" => Some(json!({"items": [dead], "before": 5})),
        "messages.get" => Some(dead.clone()),
        "messages.resend" => Some(
            json!({"number": 9, "id": "m-9", "to": params["to"].as_str().unwrap_or("zzz"), "sent_at": ""}),
        ),
        _ => None,
    });
    let head = "#5 from web to zzz, 2026-11-20T10:22:03Z, dead letter: nobody was known as \"zzz\"";
    assert_eq!(
        host.done("inbox", json!({"dead": true, "before": 8, "limit": 100})).await,
        format!("1 message, the newest last\n- {head}: hi\nthere may be older ones: `before` 5")
    );
    let asked = &heard.all("messages.list")[0];
    assert_eq!((&asked["dead"], &asked["before"], &asked["limit"]), (&json!(true), &json!(8), &json!(100)));
    assert_eq!(host.done("inbox", json!({"message": 5})).await, format!("{head}\n  hi"));
    let said = host.done("send", json!({"resend": 5, "to": "api"})).await;
    assert_eq!(said, "sent dead letter #5 again as message #9 to api");
    assert_eq!(
        host.done("send", json!({"resend": 5})).await,
        "sent dead letter #5 again as message #9 to zzz"
    );
    let again = &heard.all("messages.resend")[0];
    assert_eq!((&again["message"], &again["to"]), (&json!(5), &json!("api")));
    let said = host.refused("send", json!({"resend": 5, "content": "other"})).await;
    assert_eq!(said, "argument `content` stays what it was: give `resend` alone or with `to`");
}

#[tokio::test]
async fn topics_are_followed_and_what_is_sent_to_them_tells_for_how_many_it_is() {
    let (mut host, socket) = opened(PATIENCE).await;
    let mut readers = [0, 1, 3].into_iter();
    let mut follows = 0;
    let heard = listening(&socket, move |method, params| match method {
        "topics.follow" => {
            follows += 1;
            Some(json!({"success": follows != 2}))
        }
        "messages.send" => Some(json!({
            "number": 9, "id": "m-9", "to": params["to"], "sent_at": "", "readers": readers.next(),
        })),
        _ => None,
    });
    for (what, said) in [
        (json!({"follow": "builds"}), "from now on you get what is sent to topic:builds"),
        (json!({"follow": "topic:builds"}), "you follow topic:builds already"),
        (json!({"unfollow": "builds"}), "you do not follow topic:builds any more"),
    ] {
        assert_eq!(host.done("inbox", what).await, said);
    }
    let follow = |follow| json!({"topic": "builds", "follow": follow});
    assert_eq!(heard.all("topics.follow"), [follow(true), follow(true), follow(false)]);
    for said in ["; nobody else follows this topic yet", ", for 1 reader", ", for 3 readers"] {
        let send = json!({"to": "topic:builds", "content": "green"});
        assert_eq!(host.done("send", send).await, format!("sent message #9 to topic:builds{said}"));
    }
}

#[tokio::test]
async fn what_does_not_go_together_is_told_by_name() {
    let (mut host, socket) = opened(PATIENCE).await;
    let heard = listening(&socket, |_, _| None);
    for (tool, arguments, said) in [
        ("inbox", json!({"message": 4, "save": ""}), "argument `save` must not be empty"),
        ("inbox", json!({"save": "mail"}), "argument `save` goes with `message` and nothing else"),
        ("inbox", json!({"sent": true, "from": 3}), "argument `from` goes with `message` and nothing else"),
        ("inbox", json!({"before": 3}), "argument `before` goes with `thread`, `sent` or `dead`"),
        ("inbox", json!({"follow": ""}), "argument `follow` must not be empty"),
        (
            "inbox",
            json!({"sent": true, "dead": true}),
            "argument `sent` and `dead` ask for different things: give one",
        ),
        ("reserve", json!({"files": []}), "argument `files` must not be empty"),
        ("send", json!({"to": "api"}), "argument `content` is missing"),
    ] {
        assert_eq!(host.refused(tool, arguments).await, said);
    }
    let done = heard.methods();
    assert!(done.iter().all(|method| method == "hello"), "nothing was done: {done:?}");
}

#[tokio::test]
async fn files_come_and_go_inside_the_directory_of_the_agent() {
    let home = tempfile::tempdir().unwrap();
    let (mut host, socket) = opened_with(ToolSet::Default, home.path()).await;
    let mut with_file = message(4, "api", "see");
    with_file["files"] =
        json!([{"name": "../a.txt", "content_type": "text/plain", "bytes": 5, "digest": ""}]);
    let heard = listening(&socket, move |method, params| match method {
        "messages.get" => Some(with_file.clone()),
        "messages.file" => {
            assert_eq!(*params, json!({"message": 4, "name": "../a.txt"}));
            Some(json!({"name": "../a.txt", "content_type": "text/plain", "base64": "aGVsbG8="}))
        }
        "messages.send" => Some(json!({"number": 9, "id": "m-9", "to": params["to"], "sent_at": ""})),
        _ => None,
    });
    let said = host.done("inbox", json!({"message": 4, "save": "mail"})).await;
    assert!(said.contains(", files: ../a.txt (text/plain, 5 bytes)\n"), "{said}");
    assert!(said.ends_with("\nsaved \"../a.txt\" as \"mail/_a.txt\""), "{said}");
    assert_eq!(std::fs::read_to_string(home.path().join("mail/_a.txt")).unwrap(), "hello");
    for outside in ["..", "/tmp"] {
        let said = host.refused("inbox", json!({"message": 4, "save": outside})).await;
        assert!(said.contains("is not inside the directory you work in"), "{said}");
    }
    let said = host.done("send_file", json!({"to": "api", "path": "mail/_a.txt"})).await;
    assert_eq!(said, "sent _a.txt with message #9 to api");
    let sent = &heard.all("messages.send")[0];
    assert_eq!(sent["content"], "file _a.txt");
    let file = json!({"name": "_a.txt", "content_type": "text/plain", "base64": "aGVsbG8="});
    assert_eq!(sent["files"], json!([file]));
    let said = host.refused("send_file", json!({"to": "api", "path": "../secret"})).await;
    assert!(said.starts_with("\"../secret\""), "{said}");
    assert_eq!(heard.all("messages.send").len(), 1, "nothing of that was sent");
}
