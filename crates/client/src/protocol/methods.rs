//! The table of methods, and what follows from it for both ends of a connection.

use serde::{Deserialize, Serialize};

use super::{
    Agent, Answer, Ask, Cancel, Cancelled, Changed, CreateToken, Decide, Decision, Delete, Deleted, Empty,
    Entry, File, FileOf, Follow, Found, Hello, History, Inbox, IssuedToken, Key, List, Listing, Mail,
    MarkRead, Marked, Message, Messages, News, Number, Page, Past, Question, Questions, Release, Resend,
    Reservation, Reserve, Search, Send, Sent, SetStatus, Share, Status, Ticket, Token, TokenId, Took, Topic,
    Wait, Welcome, Workspace,
};

/// The table of methods: hands all its rows to the macro that is named.
///
/// This is the one place where a method is listed. [`Call`](crate::protocol::Call) and its parsing are made from it
/// here; the `local` door makes its dispatch from it, to a function named in the last column. A row reads
///
/// ```text
/// name  Variant(parameters) -> result,  effect,  who may,  group::handler;
/// ```
///
/// with an [`Effect`](crate::protocol::Effect) and a [`Who`](crate::protocol::Who). What a method takes and gives is
/// declared in `protocol/{group}.rs`. A method whose effect is `Once` has a parameter `once`, and one whose effect is
/// `Waits` a parameter `wait_seconds`.
#[macro_export]
macro_rules! methods {
    ($each:ident) => {
        $each! {
            /// Says who speaks; comes first.
            "hello" Hello(Hello) -> Welcome, Single, Anybody, connection::hello;
            /// Ends the caller's membership, if it is an agent, before the connection does: it is not here any more from then
            /// on.
            "leave" Leave(Empty) -> Changed, Harmless, Anybody, standing::leave;
            /// Ends the waiting of another call of this connection: it is answered at once with what there is.
            /// Anything else goes on.
            "cancel" Cancel(Cancel) -> Cancelled, Single, Anybody, connection::cancel;

            /// How the hall and this workspace stand.
            "status" Status(Empty) -> Status, Looks, Anybody, standing::status;
            /// Who is here, in joining order.
            "agents" Agents(Empty) -> Vec<Agent>, Looks, Anybody, standing::agents;
            /// Says what the caller, an agent, is at; the roster shows it as long as the agent is here.
            "agents.set_status" SetStatus(SetStatus) -> Agent, Harmless, Anybody, standing::set_status;

            /// Sends a message. One to nobody known is kept as a dead letter, and the error gives its number.
            "messages.send" Send(Send) -> Sent, Once, Anybody, messages::send;
            /// What waits for the caller. Looking has no effect: the same is shown again until it is said to be taken.
            "messages.inbox" Inbox(Inbox) -> Mail, Looks, Anybody, mailbox::inbox;
            /// Says that the caller has what it was shown, and so takes it out of what waits.
            "messages.took" Took(Took) -> Marked, Harmless, Anybody, mailbox::took;
            /// Says that the caller has read some of the messages to it.
            "messages.mark_read" MarkRead(MarkRead) -> Marked, Harmless, Anybody, mailbox::mark_read;
            /// Messages of before, oldest first, long ones as excerpts.
            "messages.list" Messages(Messages) -> Past, Looks, Anybody, messages::list;
            /// One message, whole.
            "messages.get" Message(Number) -> Message, Looks, Anybody, messages::get;
            /// A file of a message.
            "messages.file" File(FileOf) -> File, Looks, Anybody, messages::file;
            /// Sends a dead letter again.
            "messages.resend" Resend(Resend) -> Sent, Once, Anybody, messages::resend;

            /// Topics that somebody has written to or follows.
            "topics.list" Topics(Empty) -> Listing<Topic>, Looks, Anybody, topics::list;
            /// Begins or ceases to follow a topic.
            "topics.follow" Follow(Follow) -> Changed, Harmless, Anybody, topics::follow;

            /// Claims files, or renews a claim on the very same ones. One that others hold is an error that says who and until
            /// when.
            "reservations.make" Reserve(Reserve) -> Reservation, Once, Anybody, reservations::make;
            /// Ends the caller's claims before their time.
            "reservations.release" Release(Release) -> Marked, Harmless, Anybody, reservations::release;
            /// Claims in force, oldest first.
            "reservations.list" Reservations(Empty) -> Vec<Reservation>, Looks, Anybody, reservations::list;

            /// Finds words, newest first.
            "search" Search(Search) -> Found, Looks, Anybody, search::search;

            /// Gives a key a value.
            "context.share" Share(Share) -> Entry, Once, Anybody, context::share;
            /// Reads a key, and remembers for an agent which version it saw.
            "context.get" Get(Key) -> Option<Entry>, Looks, Anybody, context::get;
            /// Finds keys, in the order they were first shared, long values as excerpts.
            "context.list" List(List) -> Listing<Entry>, Looks, Anybody, context::list;
            /// A key's versions, newest first, long values as excerpts.
            "context.history" History(History) -> Listing<Entry>, Looks, Anybody, context::history;
            /// Takes a key away.
            "context.delete" Delete(Delete) -> Deleted, Once, Anybody, context::delete;

            /// Puts a question, and is answered at once: the question's id is the ticket.
            "questions.ask" Ask(Ask) -> Question, Once, Anybody, questions::ask;
            /// Answers a question. One to a person only the owner answers.
            "questions.answer" Answer(Answer) -> Question, Once, Anybody, questions::answer;
            /// One question, open or not. With `wait_seconds`, waits until it is no longer open.
            "questions.get" Question(Ticket) -> Question, Waits, Anybody, questions::get;
            /// Questions in asking order, long ones as excerpts.
            "questions.list" Questions(Questions) -> Listing<Question>, Looks, Anybody, questions::list;

            /// Waits until there is news for the caller: a question to it, an answer to its own, a key it read that
            /// changed. Empty if the time passed.
            "wait" Wait(Wait) -> News, Waits, Anybody, news::wait;

            /// Writes a decision down.
            "decisions.log" Decide(Decide) -> Decision, Once, Anybody, decisions::log;
            /// Decisions, in the order they were written down.
            "decisions.list" Decisions(Page) -> Listing<Decision>, Looks, Anybody, decisions::list;

            /// The names of all workspaces.
            "workspaces.list" Workspaces(Empty) -> Vec<String>,
                Looks, Owner("see the workspaces"), directory::workspaces;
            /// Makes a workspace, and gives its name.
            "workspaces.create" CreateWorkspace(Workspace) -> String,
                Harmless, Owner("make workspaces"), directory::create_workspace;
            /// Issues a token.
            "tokens.create" CreateToken(CreateToken) -> IssuedToken,
                Single, Owner("issue tokens"), directory::create_token;
            /// All tokens in force.
            "tokens.list" Tokens(Empty) -> Vec<Token>, Looks, Owner("see the tokens"), directory::tokens;
            /// Withdraws a token.
            "tokens.revoke" RevokeToken(TokenId) -> Deleted,
                Single, Owner("withdraw tokens"), directory::revoke_token;
        }
    };
}

/// What the table says of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// What carrying it out does.
    pub effect: Effect,
    /// Who may call it.
    pub who: Who,
}

/// What carrying a method out does, and so whether a second time does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It leaves everything as it was.
    Looks,
    /// It leaves everything as it was, and may wait for something to happen.
    Waits,
    /// It writes, and may carry an idempotency key under which it writes once.
    Once,
    /// It writes, and a second time changes nothing.
    Harmless,
    /// It may be done only once: a second introduction is an error, a second token a second secret, a second
    /// withdrawal finds nothing, and a second connection knows nothing of the calls of the first.
    Single,
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Whoever is let in.
    Anybody,
    /// The owner, out of no agent's process. The words complete "cannot …".
    Owner(&'static str),
}

/// Some part of a call's parameters, if its effect is the one that has it.
macro_rules! part {
    (Once of Once, $part:expr) => {
        Some($part)
    };
    (Waits of Waits, $part:expr) => {
        Some($part)
    };
    ($part_of:ident of $effect:ident, $part:expr) => {
        None
    };
}

macro_rules! calls {
    ($(
        $(#[$about:meta])*
        $name:literal $variant:ident($params:ty) -> $result:ty,
            $effect:ident, $who:ident $(($what:literal))?, $group:ident::$handler:ident;
    )+) => {
        /// A method call: `method` and `params` of a JSON-RPC request.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum Call {
            $(
                $(#[$about])*
                #[doc = concat!("\n\nResult: `", stringify!($result), "`.")]
                #[serde(rename = $name)]
                $variant($params),
            )+
        }

        /// All methods.
        pub const METHODS: &[Method] =
            &[$(Method { name: $name, effect: Effect::$effect, who: Who::$who$(($what))? }),+];

        impl Call {
            /// What the table says of its method.
            pub fn method(&self) -> Method {
                match self {
                    $(Self::$variant(_) => {
                        Method { name: $name, effect: Effect::$effect, who: Who::$who$(($what))? }
                    })+
                }
            }

            /// Reads a method's parameters; `None` if there is no such method.
            pub(crate) fn read(method: &str, params: &str) -> Option<serde_json::Result<Self>> {
                match method {
                    $($name => Some(serde_json::from_str(params).map(Self::$variant)),)+
                    _ => None,
                }
            }

            /// Its idempotency key, if it can carry one.
            #[allow(unused_variables, reason = "most methods have no key")]
            pub(crate) fn once(&self) -> Option<&Option<String>> {
                match self {
                    $(Self::$variant(params) => part!(Once of $effect, &params.once),)+
                }
            }

            /// As [`Call::once`], to be set.
            #[allow(unused_variables, reason = "most methods have no key")]
            pub(crate) fn once_mut(&mut self) -> Option<&mut Option<String>> {
                match self {
                    $(Self::$variant(params) => part!(Once of $effect, &mut params.once),)+
                }
            }

            /// How long it waits at most, in seconds, if it can wait.
            #[allow(unused_variables, reason = "most methods do not wait")]
            pub(crate) fn wait_seconds(&self) -> Option<&u64> {
                match self {
                    $(Self::$variant(params) => part!(Waits of $effect, &params.wait_seconds),)+
                }
            }

            /// As [`Call::wait_seconds`], to be set.
            #[allow(unused_variables, reason = "most methods do not wait")]
            pub(crate) fn wait_seconds_mut(&mut self) -> Option<&mut u64> {
                match self {
                    $(Self::$variant(params) => part!(Waits of $effect, &mut params.wait_seconds),)+
                }
            }
        }

        // The results are the door's to give; here they are only named, and must be types of this protocol.
        const _: () = { $(_ = size_of::<$result>();)+ };
    };
}

methods!(calls);
