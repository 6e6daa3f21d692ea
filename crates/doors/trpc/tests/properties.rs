//! What holds for every input, found by proptest.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use guildhall_door_trpc::wire::error::Code;
use guildhall_door_trpc::wire::procedure::{self, Call, Mutation, Procedure};
use guildhall_door_trpc::wire::request::{self, Incoming, Input, Limits, Message};
use guildhall_door_trpc::wire::text::{self, JsonText};

const LIMITS: Limits = Limits { batch: 100, id_bytes: 256 };

/// Any JSON, with the keys that inputs have.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("7d3b6a52-1f0e-4c7a-9b1d-2f5e8c4a6b90")),
        Just(json!("source")),
        Just(json!("")),
    ];
    let key = prop::sample::select(vec![
        "key",
        "value",
        "tags",
        "agentId",
        "name",
        "role",
        "repoPath",
        "question",
        "to",
        "answer",
        "questionId",
        "decision",
        "rationale",
        "createdBy",
        "limit",
        "after",
        "ifVersion",
        "withVersion",
        "lastEventId",
        "id",
        "status",
        "length",
        "content",
        "replyTo",
        "priority",
        "ttlMs",
        "minPos",
        "receipt",
        "stage",
        "ids",
        "with",
        "topic",
        "thread",
        "sent",
        "dead",
        "before",
        "number",
        "follow",
    ]);
    leaf.prop_recursive(3, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(frame in any::<String>()) {
        if let Err(refusal) = request::parse(&frame, &LIMITS) {
            prop_assert!(!refusal.to.is_empty());
        }
    }

    #[test]
    fn any_bytes_that_are_text_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let frame = String::from_utf8_lossy(&bytes);
        if let Err(refusal) = request::parse(&frame, &LIMITS) {
            prop_assert_eq!(refusal.error.code(), Code::ParseError);
        }
    }

    /// Every input is read or refused with a list of issues, each of which names a field of the input's own schema.
    #[test]
    fn any_input_is_read_or_refused_with_issues(input in any_json(), at in 0..Procedure::ALL.len()) {
        let procedure = Procedure::ALL[at];
        let path = text::encode(procedure.path());
        let raw = serde_json::value::to_raw_value(&input).unwrap();
        let input = Input { raw: Some(&raw), last_event_id: None };
        if let Err(error) = procedure::read(procedure.method(), JsonText::parse(&path).unwrap(), &input) {
            prop_assert_eq!(error.code(), Code::BadRequest);
            let issues: Vec<Value> = serde_json::from_str(&error.message()).unwrap();
            prop_assert!(!issues.is_empty());
            for issue in issues {
                prop_assert!(issue["message"].is_string() && issue["path"].is_array() && issue["code"].is_string());
            }
        }
    }

    /// What is shared comes through as it was sent: texts decoded to what was meant, the value as its token.
    #[test]
    fn a_share_survives_the_wire(
        key in ".+",
        value in any::<String>(),
        tags in prop::collection::vec(any::<String>(), 0..5),
        id in any::<i32>(),
    ) {
        let agent = "7d3b6a52-1f0e-4c7a-9b1d-2f5e8c4a6b90";
        let input = json!({ "key": key, "value": value, "tags": tags, "agentId": agent });
        let frame = json!({ "id": id, "method": "mutation", "params": { "input": input, "path": "context.share" } })
            .to_string();
        let Ok(Incoming::One(Message::Request(request))) = request::parse(&frame, &LIMITS) else {
            return Err(TestCaseError::fail("not a request"));
        };
        prop_assert_eq!(request.to.id.as_ref().unwrap().token(), id.to_string());
        let Ok(Call::Mutation(Mutation::ContextShare(share))) = procedure::parse(&request) else {
            return Err(TestCaseError::fail("not a share"));
        };
        prop_assert_eq!(share.key, key);
        prop_assert_eq!(share.value.token(), serde_json::to_string(&value).unwrap());
        prop_assert_eq!(share.tags, tags);
        prop_assert_eq!(share.agent_id.as_str(), agent);
    }

    /// A reply's data is what was put in, and the id what was asked with.
    #[test]
    fn a_reply_carries_its_data(data in any_json(), id in prop_oneof![any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from)]) {
        use guildhall_door_trpc::wire::reply::{self, ReplyTo, RequestId};
        let id_raw: Box<RawValue> = serde_json::value::to_raw_value(&id).unwrap();
        let to = ReplyTo { id: RequestId::of(&id_raw, usize::MAX), jsonrpc: true };
        let mut frame = Vec::new();
        let bytes = data.to_string();
        reply::tracked(&to, "e\"1", bytes.as_bytes(), &mut frame);
        let expected: Value = serde_json::from_str(&bytes).unwrap();
        prop_assert_eq!(
            serde_json::from_slice::<Value>(&frame).unwrap(),
            json!({ "id": id, "jsonrpc": "2.0", "result": { "type": "data", "id": "e\"1", "data": { "id": "e\"1", "data": expected } } })
        );
    }
}
