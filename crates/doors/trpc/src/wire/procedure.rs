//! The procedures: what clients can call, and what a call means.
//!
//! Fourteen are those of the coordinator whose clients this door serves; the rest are ours and marked [`Origin::Ours`]. A path
//! that is unknown, or called as another kind than it is, does not exist. The input of a subscription of the
//! fourteen is not looked at, whatever it is.

use std::borrow::Cow;

use super::error::TrpcError;
use super::input::{
    Answer, Ask, Delete, Get, GetQuestion, History, Join, Leave, ListAgents, ListContext, ListDecisions,
    ListPending, ListQuestions, Log, Share, last_event_id,
};
use super::mail::{FollowTopic, GetMessage, Inbox, ListMessages, MarkRead, OnMessage, Send, Took};
use super::page::Position;
use super::request::{Input, Method, Request};
use super::text::JsonText;
use super::uuid_text::UuidText;

/// Whether a procedure is the coordinator's or an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Behaves as measured on the coordinator.
    Coordinator,
    /// Not known to the coordinator.
    Ours,
}

macro_rules! procedures {
    ($($name:ident $path:literal $method:ident $origin:ident;)*) => {
        /// A procedure, named for its path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Procedure {
            $(#[doc = concat!("`", $path, "`")] $name,)*
        }

        impl Procedure {
            /// Every procedure.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its path.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }

            /// How it is called.
            #[must_use]
            pub const fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// Where it comes from.
            #[must_use]
            pub const fn origin(self) -> Origin {
                match self { $(Self::$name => Origin::$origin,)* }
            }

            /// The procedure at `path`.
            #[must_use]
            pub fn find(path: &str) -> Option<Self> {
                match path { $($path => Some(Self::$name),)* _ => None }
            }
        }
    };
}

procedures! {
    SessionJoin "session.join" Mutation Coordinator;
    SessionLeave "session.leave" Mutation Coordinator;
    SessionList "session.list" Query Coordinator;
    OnAgentChange "session.onAgentChange" Subscription Coordinator;
    ContextShare "context.share" Mutation Coordinator;
    ContextGet "context.get" Query Coordinator;
    ContextList "context.list" Query Coordinator;
    OnContextChange "context.onContextChange" Subscription Coordinator;
    QuestionsAsk "questions.ask" Mutation Coordinator;
    QuestionsAnswer "questions.answer" Mutation Coordinator;
    QuestionsListPending "questions.listPending" Query Coordinator;
    OnQuestion "questions.onQuestion" Subscription Coordinator;
    DecisionsLog "decisions.log" Mutation Coordinator;
    DecisionsList "decisions.list" Query Coordinator;

    ContextHistory "context.history" Query Ours;
    ContextDelete "context.delete" Mutation Ours;
    QuestionsGet "questions.get" Query Ours;
    QuestionsList "questions.list" Query Ours;
    OnDecision "decisions.onDecision" Subscription Ours;
    OnAgentChangeTracked "session.onAgentChangeTracked" Subscription Ours;
    OnContextChangeTracked "context.onContextChangeTracked" Subscription Ours;
    OnQuestionTracked "questions.onQuestionTracked" Subscription Ours;
    OnDecisionTracked "decisions.onDecisionTracked" Subscription Ours;
    MessagesSend "messages.send" Mutation Ours;
    MessagesInbox "messages.inbox" Query Ours;
    MessagesTook "messages.took" Mutation Ours;
    MessagesMarkRead "messages.markRead" Mutation Ours;
    MessagesList "messages.list" Query Ours;
    MessagesGet "messages.get" Query Ours;
    OnMessage "messages.onMessage" Subscription Ours;
    OnMessageTracked "messages.onMessageTracked" Subscription Ours;
    TopicsFollow "topics.follow" Mutation Ours;
}

/// A call that can be carried out.
#[derive(Clone, Debug)]
pub enum Call<'a> {
    /// To be answered with one data frame.
    Query(Query<'a>),
    /// To be answered with one data frame, once what it did is durable.
    Mutation(Mutation<'a>),
    /// To be answered with `started`, then events.
    Subscription(Subscription<'a>),
}

/// A call that reads.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is named for its procedure and told by its input")]
pub enum Query<'a> {
    SessionList(ListAgents<'a>),
    ContextGet(Get<'a>),
    ContextList(ListContext<'a>),
    ContextHistory(History<'a>),
    QuestionsListPending(ListPending<'a>),
    QuestionsGet(GetQuestion<'a>),
    QuestionsList(ListQuestions<'a>),
    DecisionsList(ListDecisions<'a>),
    MessagesInbox(Inbox<'a>),
    MessagesList(ListMessages<'a>),
    MessagesGet(GetMessage<'a>),
}

impl<'a> Query<'a> {
    /// How far the log must have come before it is answered.
    #[must_use]
    pub const fn min_pos(&self) -> &Position<'a> {
        match self {
            Self::SessionList(list) => &list.min_pos,
            Self::ContextGet(get) => &get.min_pos,
            Self::ContextList(list) => &list.min_pos,
            Self::ContextHistory(history) => &history.min_pos,
            Self::QuestionsListPending(list) => &list.min_pos,
            Self::QuestionsGet(get) => &get.min_pos,
            Self::QuestionsList(list) => &list.min_pos,
            Self::DecisionsList(list) => &list.min_pos,
            Self::MessagesInbox(inbox) => &inbox.min_pos,
            Self::MessagesList(list) => &list.min_pos,
            Self::MessagesGet(get) => &get.min_pos,
        }
    }

    /// The agent that asks, where the input names it.
    #[must_use]
    pub const fn agent(&self) -> Option<&UuidText<'a>> {
        match self {
            Self::QuestionsListPending(list) => list.agent_id.as_ref(),
            Self::MessagesInbox(inbox) => Some(&inbox.agent_id),
            Self::MessagesList(list) => Some(&list.agent_id),
            Self::MessagesGet(get) => Some(&get.agent_id),
            Self::SessionList(_)
            | Self::ContextGet(_)
            | Self::ContextList(_)
            | Self::ContextHistory(_)
            | Self::QuestionsGet(_)
            | Self::QuestionsList(_)
            | Self::DecisionsList(_) => None,
        }
    }
}

/// A call that writes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is named for its procedure and told by its input")]
pub enum Mutation<'a> {
    SessionJoin(Join<'a>),
    SessionLeave(Leave<'a>),
    ContextShare(Share<'a>),
    ContextDelete(Delete<'a>),
    QuestionsAsk(Ask<'a>),
    QuestionsAnswer(Answer<'a>),
    DecisionsLog(Log<'a>),
    MessagesSend(Send<'a>),
    MessagesTook(Took<'a>),
    MessagesMarkRead(MarkRead<'a>),
    TopicsFollow(FollowTopic<'a>),
}

impl Mutation<'_> {
    /// The procedure that is called.
    #[must_use]
    pub const fn procedure(&self) -> Procedure {
        match self {
            Self::SessionJoin(_) => Procedure::SessionJoin,
            Self::SessionLeave(_) => Procedure::SessionLeave,
            Self::ContextShare(_) => Procedure::ContextShare,
            Self::ContextDelete(_) => Procedure::ContextDelete,
            Self::QuestionsAsk(_) => Procedure::QuestionsAsk,
            Self::QuestionsAnswer(_) => Procedure::QuestionsAnswer,
            Self::DecisionsLog(_) => Procedure::DecisionsLog,
            Self::MessagesSend(_) => Procedure::MessagesSend,
            Self::MessagesTook(_) => Procedure::MessagesTook,
            Self::MessagesMarkRead(_) => Procedure::MessagesMarkRead,
            Self::TopicsFollow(_) => Procedure::TopicsFollow,
        }
    }
}

/// A call that opens a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// What is followed.
    pub feed: Feed<'a>,
    /// In which form.
    pub delivery: Delivery<'a>,
}

/// What can be followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Feed<'a> {
    /// The whole list of agents, at the start and after each change.
    Agents,
    /// Each entry as it is shared.
    Context,
    /// Each question as it is asked and as it is answered.
    Questions,
    /// Each decision as it is logged.
    Decisions,
    /// Each message to this agent as it is sent.
    Messages(UuidText<'a>),
}

/// How events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// As plain data; what happens between two connections is missed.
    Bare,
    /// Each under an id, going on after the last one seen.
    Tracked {
        /// The last event seen; none for a client that comes first.
        last_event_id: Option<Cow<'a, str>>,
    },
}

/// Finds what `request` calls and reads its input.
///
/// # Errors
/// NOT_FOUND or, for its input, BAD_REQUEST; to be sent to `request.to`.
pub fn parse<'a>(request: &Request<'a>) -> Result<Call<'a>, TrpcError> {
    read(request.method, request.path, &request.input)
}

/// As [`parse`], of a call that came otherwise than in a message.
///
/// # Errors
/// As there.
pub fn read<'a>(method: Method, path: JsonText<'a>, input: &Input<'a>) -> Result<Call<'a>, TrpcError> {
    let procedure = Procedure::find(&path.decode())
        .filter(|procedure| procedure.method() == method)
        .ok_or_else(|| TrpcError::no_procedure(method.name(), path))?;
    procedure.call(input).map_err(|error| error.at_token(path))
}

impl Procedure {
    fn call<'a>(self, input: &Input<'a>) -> Result<Call<'a>, TrpcError> {
        let query = match self {
            Self::SessionList => Query::SessionList(ListAgents::read(input)?),
            Self::ContextGet => Query::ContextGet(Get::read(input)?),
            Self::ContextList => Query::ContextList(ListContext::read(input)?),
            Self::ContextHistory => Query::ContextHistory(History::read(input)?),
            Self::QuestionsListPending => Query::QuestionsListPending(ListPending::read(input)?),
            Self::QuestionsGet => Query::QuestionsGet(GetQuestion::read(input)?),
            Self::QuestionsList => Query::QuestionsList(ListQuestions::read(input)?),
            Self::DecisionsList => Query::DecisionsList(ListDecisions::read(input)?),
            Self::MessagesInbox => Query::MessagesInbox(Inbox::read(input)?),
            Self::MessagesList => Query::MessagesList(ListMessages::read(input)?),
            Self::MessagesGet => Query::MessagesGet(GetMessage::read(input)?),

            Self::SessionJoin => return Ok(Call::Mutation(Mutation::SessionJoin(Join::read(input)?))),
            Self::SessionLeave => return Ok(Call::Mutation(Mutation::SessionLeave(Leave::read(input)?))),
            Self::ContextShare => return Ok(Call::Mutation(Mutation::ContextShare(Share::read(input)?))),
            Self::ContextDelete => return Ok(Call::Mutation(Mutation::ContextDelete(Delete::read(input)?))),
            Self::QuestionsAsk => return Ok(Call::Mutation(Mutation::QuestionsAsk(Ask::read(input)?))),
            Self::QuestionsAnswer => {
                return Ok(Call::Mutation(Mutation::QuestionsAnswer(Answer::read(input)?)));
            }
            Self::DecisionsLog => return Ok(Call::Mutation(Mutation::DecisionsLog(Log::read(input)?))),
            Self::MessagesSend => return Ok(Call::Mutation(Mutation::MessagesSend(Send::read(input)?))),
            Self::MessagesTook => return Ok(Call::Mutation(Mutation::MessagesTook(Took::read(input)?))),
            Self::MessagesMarkRead => {
                return Ok(Call::Mutation(Mutation::MessagesMarkRead(MarkRead::read(input)?)));
            }
            Self::TopicsFollow => {
                return Ok(Call::Mutation(Mutation::TopicsFollow(FollowTopic::read(input)?)));
            }

            Self::OnAgentChange => return Ok(bare(Feed::Agents)),
            Self::OnContextChange => return Ok(bare(Feed::Context)),
            Self::OnQuestion => return Ok(bare(Feed::Questions)),
            Self::OnDecision => return Ok(bare(Feed::Decisions)),
            Self::OnAgentChangeTracked => return tracked(Feed::Agents, input),
            Self::OnContextChangeTracked => return tracked(Feed::Context, input),
            Self::OnQuestionTracked => return tracked(Feed::Questions, input),
            Self::OnDecisionTracked => return tracked(Feed::Decisions, input),
            Self::OnMessage => return Ok(bare(Feed::Messages(OnMessage::read(input)?.agent_id))),
            Self::OnMessageTracked => {
                let OnMessage { agent_id, last_event_id } = OnMessage::read(input)?;
                let delivery = Delivery::Tracked { last_event_id };
                return Ok(Call::Subscription(Subscription { feed: Feed::Messages(agent_id), delivery }));
            }
        };
        Ok(Call::Query(query))
    }
}

fn bare(feed: Feed<'_>) -> Call<'_> {
    Call::Subscription(Subscription { feed, delivery: Delivery::Bare })
}

fn tracked<'a>(feed: Feed<'a>, input: &Input<'a>) -> Result<Call<'a>, TrpcError> {
    let delivery = Delivery::Tracked { last_event_id: last_event_id(input)? };
    Ok(Call::Subscription(Subscription { feed, delivery }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a1b2c3d-0000-4000-8000-00000000000f";

    /// Calls `path` as what it is.
    fn call(path: &'static str, input: Option<&str>, last: Option<&str>) -> Result<String, String> {
        let raw = input.map(|json| serde_json::from_str(json).unwrap());
        let last = last.map(super::super::text::encode);
        let input = Input { raw, last_event_id: last.as_deref().and_then(JsonText::parse) };
        let path_token = super::super::text::encode(path);
        let method = Procedure::find(path).unwrap().method();
        read(method, JsonText::parse(&path_token).unwrap(), &input)
            .map(|call| format!("{call:?}"))
            .map_err(|error| error.message().into_owned())
    }

    fn places(error: &str) -> Vec<String> {
        let issues: Vec<serde_json::Value> = serde_json::from_str(error).unwrap();
        issues.iter().map(|issue| format!("{}{}", issue["code"].as_str().unwrap(), issue["path"])).collect()
    }

    #[test]
    fn every_path_leads_back_to_its_procedure() {
        for procedure in Procedure::ALL {
            assert_eq!(Procedure::find(procedure.path()), Some(*procedure));
        }
        let measured = Procedure::ALL.iter().filter(|procedure| procedure.origin() == Origin::Coordinator);
        assert_eq!(measured.count(), 14);
    }

    #[test]
    fn what_is_not_there_or_of_another_kind_is_not_found() {
        for (path, method) in [
            ("session", Method::Query),
            ("", Method::Query),
            ("session/list", Method::Query),
            ("__proto__.x", Method::Mutation),
            ("session.list", Method::Mutation),
            ("session.list", Method::Subscription),
            ("session.join", Method::Query),
        ] {
            let token = super::super::text::encode(path);
            let error = read(method, JsonText::parse(&token).unwrap(), &Input::default()).unwrap_err();
            assert_eq!(error.message(), format!(r#"No "{}"-procedure on path "{path}""#, method.name()));
        }
    }

    #[test]
    fn all_failing_fields_are_told_in_the_order_of_the_schema() {
        let error =
            call("context.share", Some(r#"{"agentId":"x","tags":["a",1],"key":""}"#), None).unwrap_err();
        assert_eq!(
            places(&error),
            [
                r#"too_small["key"]"#,
                r#"invalid_type["value"]"#,
                r#"invalid_type["tags",1]"#,
                r#"invalid_format["agentId"]"#
            ]
        );
        let error = call("session.join", Some("{}"), None).unwrap_err();
        assert_eq!(
            places(&error),
            [r#"invalid_type["name"]"#, r#"invalid_value["role"]"#, r#"invalid_type["repoPath"]"#]
        );
    }

    #[test]
    fn an_input_as_a_whole_must_be_an_object() {
        for (json, received) in [
            (None, "undefined"),
            (Some("null"), "null"),
            (Some("[]"), "array"),
            (Some("\"x\""), "string"),
            (Some("1e999"), "Infinity"),
        ] {
            let error = call("context.get", json, None).unwrap_err();
            assert_eq!(places(&error), ["invalid_type[]"]);
            assert!(error.contains(&format!("expected object, received {received}\"")), "{error}");
        }
        assert!(call("context.list", None, None).is_ok());
        assert!(call("context.list", Some("null"), None).is_err());
        assert!(call("questions.listPending", Some("[]"), None).is_err());
    }

    #[test]
    fn the_last_event_id_becomes_the_input_where_there_is_none() {
        let error = call("context.get", Some("null"), Some("7")).unwrap_err();
        assert_eq!(places(&error), [r#"invalid_type["key"]"#]);
        assert!(call("context.list", Some("null"), Some("7")).is_ok());
        assert_eq!(places(&call("context.get", Some("[]"), Some("7")).unwrap_err()), ["invalid_type[]"]);
    }

    #[test]
    fn inputs_that_are_not_looked_at_may_be_anything() {
        for json in ["null", "[]", "1e999", r#"{"agentId":1}"#, "\"\\ud83e\""] {
            for path in ["session.list", "session.onAgentChange", "questions.onQuestion", "decisions.list"] {
                assert!(call(path, Some(json), None).is_ok(), "{path} {json}");
            }
        }
    }

    #[test]
    fn a_page_is_asked_for_by_limit_and_place() {
        for path in
            ["session.list", "context.list", "decisions.list", "questions.list", "questions.listPending"]
        {
            let read = call(path, Some(r#"{"limit":1000,"after":"p"}"#), None).unwrap();
            assert!(read.contains(r#"page: Page { limit: Some(1000), after: Some("p") }"#), "{read}");
            assert!(call(path, Some(r#"{"limit":0}"#), None).is_err());
            assert!(call(path, Some(r#"{"after":1}"#), None).is_err());
        }
    }

    #[test]
    fn every_query_may_wait_for_the_log_to_come_so_far() {
        for procedure in Procedure::ALL.iter().filter(|procedure| procedure.method() == Method::Query) {
            let with = |min_pos| {
                format!(r#"{{"key":"k","id":"{ID}","agentId":"{ID}","number":1,"minPos":{min_pos}}}"#)
            };
            let read = call(procedure.path(), Some(&with("\"p.1\"")), None).unwrap();
            assert!(read.contains(r#"min_pos: Position(Some("p.1"))"#), "{read}");
            let error = call(procedure.path(), Some(&with("1")), None).unwrap_err();
            assert_eq!(places(&error), [r#"invalid_type["minPos"]"#], "{}", procedure.path());
        }
    }

    #[test]
    fn a_tracked_subscription_resumes_where_the_request_says_else_the_input() {
        let path = "questions.onQuestionTracked";
        for (json, last, expected) in [
            (None, None, "None"),
            (Some("{}"), None, "None"),
            (Some(r#"{"lastEventId":"3"}"#), None, "Some(\"3\")"),
            (Some(r#"{"lastEventId":"3"}"#), Some("7"), "Some(\"7\")"),
            (Some(r#"{"lastEventId":3}"#), Some("7"), "Some(\"7\")"),
            (Some("null"), Some("7"), "Some(\"7\")"),
        ] {
            let read = call(path, json, last).unwrap();
            assert!(read.contains(&format!("last_event_id: {expected}")), "{read}");
        }
        assert!(call(path, Some("null"), None).is_err());
        assert!(call(path, Some(r#"{"lastEventId":null}"#), None).is_err());
        assert!(call(path, Some("1"), Some("7")).is_err());
    }

    #[test]
    fn what_people_write_stays_as_they_wrote_it() {
        let json = format!(r#"{{"key":"k\u0065y","value":"a\ud83e\/","agentId":"{ID}","x":[]}}"#);
        let read = call("context.share", Some(&json), None).unwrap();
        assert!(read.contains(r#"key: "key", value: JsonText("\"a\\ud83e\\/\"")"#), "{read}");
        assert!(
            read.contains("tags: [], ") && read.contains("if_version: None, with_version: false"),
            "{read}"
        );
    }
}
