//! What is said to every frame of the corpus, and every frame the server sends, against `golden/frames.txt`: `>` a frame
//! to the server, `<` a frame from it, `=` what was understood.
//!
//! `GUILDHALL_BLESS=1 cargo test -p guildhall-door-linker --test golden` writes the file anew; its difference is then for
//! review.

use std::borrow::Cow;
use std::fmt::Write;
use std::{env, fs};

use guildhall_door_linker::wire::frame::{
    ByPriority, ByStatus, DeliveryReceipt, Frame, Instance, Instances, Iso, Joined, Message, Notification,
    ReadReceipt, Receipt, Said, Stats, Status,
};
use model::messages::Priority;
use model::{AgentId, MessageId, Text, Timestamp};

mod corpus;

use corpus::{answer, frames, place};

/// One of each frame the server sends, with and without what may be absent.
fn sent() -> Vec<String> {
    let (web, api) = (AgentId::of("default", "web"), AgentId::of("default", "api"));
    let id = MessageId::parse("33333333-3333-4333-8333-333333333333").expect("a UUID");
    let (early, late) = (iso(1_767_323_045_678), iso(1_767_323_046_000));
    let content: Text = serde_json::from_str(r#""a \"quoted\" \ud83e text\n""#).expect("a string token");
    let description = Text::new("UI");
    let message = || Message {
        id: &id,
        from: &web,
        from_name: "web",
        content: Cow::Borrowed(&content),
        timestamp: early,
        priority: Priority::High,
        broadcast: false,
    };
    let notification = || Notification {
        from: "web",
        preview: "a text",
        timestamp: early,
        priority: Priority::Low,
        broadcast: false,
        has_more: false,
    };
    let joined =
        |description| Frame::InstanceJoined { instance: Joined { id: &web, name: "web", description } };
    let instance = |description| Instance {
        id: web.clone(),
        name: "web".into(),
        description,
        registered_at: early,
        last_seen: late,
    };
    let receipt = |to: &str, status, delivered_at, read_at| Receipt {
        id: id.clone(),
        to: to.into(),
        status,
        sent_at: early,
        delivered_at,
        read_at,
    };
    let frames = [
        Frame::Connected { connection_id: "11111111-1111-4111-8111-111111111111".into() },
        Frame::Registered { instance_id: &web, name: "web" },
        joined(Some(&description)),
        joined(None),
        Frame::NewMessage { message: message() },
        Frame::NewMessage { message: Message { broadcast: true, ..message() } },
        Frame::MessageNotification { notification: notification() },
        Frame::MessageNotification { notification: Notification { broadcast: true, ..notification() } },
        Frame::Messages { messages: vec![] },
        Frame::Messages { messages: vec![message()] },
        Frame::MessageCount { count: 3, from: vec!["web", "api"], high_priority: 1 },
        Frame::Instances { instances: vec![instance(Some(description.clone())), instance(None)] },
        Frame::Conversation {
            messages: vec![Said {
                id: &id,
                from: &web,
                to: api.as_str(),
                content: Cow::Borrowed(&content),
                timestamp: early,
                from_name: "web",
            }],
        },
        Frame::MarkedRead { count: 2 },
        Frame::Receipts {
            receipts: vec![
                receipt(api.as_str(), Status::Sent, None, None),
                receipt("broadcast", Status::Delivered, Some(late), None),
                receipt(api.as_str(), Status::Read, Some(early), Some(late)),
            ],
        },
        Frame::Stats {
            stats: Stats {
                total: 6,
                by_status: ByStatus { sent: 3, delivered: 2, read: 1 },
                by_priority: ByPriority { high: 1, normal: 4, low: 1 },
                expired: 1,
                avg_delivery_time: 322,
                instances: Instances { total: 2, connected: 2 },
            },
        },
        Frame::DeliveryReceipt {
            receipt: DeliveryReceipt {
                message_id: &id,
                to: &api,
                status: Status::Delivered,
                delivered_at: late,
            },
        },
        Frame::ReadReceipt {
            receipt: ReadReceipt { message_id: &id, to: "broadcast", status: Status::Read, read_at: late },
        },
        Frame::HeartbeatAck,
        Frame::error("Invalid messageIds"),
    ];
    frames.iter().map(|frame| String::from_utf8(frame.encode().to_vec()).expect("frames are text")).collect()
}

fn iso(millis: i64) -> Iso {
    Iso(Timestamp::from_millis(millis))
}

#[test]
fn every_frame_is_understood_and_written_as_recorded() {
    let mut said = String::new();
    for (name, frame) in frames() {
        let shown = frame.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        writeln!(said, "# {name}\n> {shown}").unwrap();
        match answer(&frame) {
            Ok(request) => {
                assert!(!name.starts_with("bad-"), "{name}");
                writeln!(said, "= {request:?}\n").unwrap();
            }
            Err(error) => {
                assert!(name.starts_with("bad-"), "{name}: {error}");
                writeln!(said, "< {error}\n").unwrap();
            }
        }
    }
    writeln!(said, "# what the server sends").unwrap();
    sent().iter().for_each(|frame| writeln!(said, "< {frame}").unwrap());
    let golden = place("golden/frames.txt");
    if env::var_os("GUILDHALL_BLESS").is_some() {
        fs::write(&golden, &said).unwrap();
        return;
    }
    let recorded = fs::read_to_string(&golden).unwrap();
    let changed: Vec<_> = said.split("\n\n").filter(|frame| !recorded.contains(*frame)).collect();
    assert!(recorded == said, "not as recorded in {}:\n{}", golden.display(), changed.join("\n\n"));
}
