//! Calls that read: answered from the committed state, with values and history read by position.

use std::sync::Arc;

use hall::{HallError, Identity, Workspace};
use model::decisions::Decision;
use model::questions::{Question, Status};
use model::rows::Table;
use model::{Fact, Position};

use crate::filter::Filter;
use crate::list::{self, List};
use crate::wire::error::{Code, TrpcError};
use crate::wire::input::{
    Get, GetQuestion, History, ListAgents, ListContext, ListDecisions, ListPending, ListQuestions,
    QuestionStatus,
};
use crate::wire::page::Page;
use crate::wire::procedure::Query;
use crate::wire::shape::Shape;
use crate::{data, ids, limits, mailbox, refusal};

/// Appends the data of a query's reply.
pub(crate) async fn answer(
    workspace: &Workspace,
    identity: &Identity,
    query: Query<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    match query {
        Query::SessionList(list) => session_list(workspace, &list, out),
        Query::ContextGet(get) => context_get(workspace, &get, out).await,
        Query::ContextList(list) => context_list(workspace, &list, out).await,
        Query::ContextHistory(history) => context_history(workspace, &history, out).await,
        Query::QuestionsListPending(list) => list_pending(workspace, &list, out),
        Query::QuestionsGet(get) => questions_get(workspace, &get, out).await,
        Query::QuestionsList(list) => questions_list(workspace, &list, out).await,
        Query::DecisionsList(list) => decisions_list(workspace, &list, out).await,
        // Boxed, since what they need is needed only now, and a session is there for long.
        Query::MessagesInbox(inbox) => Box::pin(mailbox::inbox(workspace, identity, &inbox, out)).await,
        Query::MessagesList(list) => Box::pin(mailbox::list(workspace, identity, &list, out)).await,
        Query::MessagesGet(get) => Box::pin(mailbox::get(workspace, identity, &get, out)).await,
    }
}

fn session_list(workspace: &Workspace, list: &ListAgents<'_>, out: &mut Vec<u8>) -> Result<(), TrpcError> {
    let state = workspace.state();
    let members = page(state.roster.members(), &list.page, |member, id| member.id.as_str() == id)?;
    data::agents(members, out)
}

async fn context_get(workspace: &Workspace, get: &Get<'_>, out: &mut Vec<u8>) -> Result<(), TrpcError> {
    let current = workspace.state().context.get(&get.key).map(|current| current.position);
    match current {
        Some(position) => write_entry(workspace, position, get.with_version, out).await,
        None => {
            out.extend_from_slice(b"null");
            Ok(())
        }
    }
}

async fn context_list(
    workspace: &Workspace,
    list: &ListContext<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let tags = list.tags.iter().map(AsRef::as_ref);
    let Some(mut filter) = Filter::new(tags, list.created_by.as_ref()) else {
        return List::begin(out).end();
    };
    let positions: Vec<_> = {
        let state = workspace.state();
        let context = &state.context;
        // A page begins after an entry, named by its id or its key.
        let entries: Box<dyn Iterator<Item = _> + '_> = match list.page.after.as_deref() {
            None => Box::new(context.entries()),
            Some(place) => {
                let known =
                    context.entries().find(|(key, entry)| ***key == *place || entry.id.as_str() == place);
                Box::new(context.entries_after(known.ok_or_else(no_such_place)?.0))
            }
        };
        let wanted = entries.filter(|(_, current)| filter.wants(current));
        let most = list.page.limit.map_or(usize::MAX, usize::from);
        wanted.take(most).map(|(_, current)| current.position).collect()
    };
    let mut array = List::begin(out);
    for position in positions {
        write_entry(workspace, position, list.with_version, array.item()?).await?;
    }
    array.end()
}

async fn context_history(
    workspace: &Workspace,
    history: &History<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let most = history.page.limit.map_or(limits::PAGE, usize::from);
    let before = match history.page.after.as_deref() {
        Some(version) => version.parse().map_err(|_| no_such_place())?,
        None => u64::MAX,
    };
    let mut next = workspace.state().context.newest_change(&history.key);
    let mut array = List::begin(out);
    let mut written = 0;
    while let Some(position) = next.filter(|_| written < most) {
        let entry = workspace.entry(position).await.map_err(unreadable)?;
        match entry.fact() {
            Fact::ContextShared(shared) => {
                next = shared.previous;
                if shared.version < before {
                    written += 1;
                    data::context_entry(shared, Some(shared.version)).write(array.item()?);
                }
            }
            Fact::ContextDeleted(deletion) => {
                next = Some(deletion.previous);
                if deletion.version < before {
                    written += 1;
                    data::deletion(deletion, entry.recorded().event.at).write(array.item()?);
                }
            }
            _ => {
                return Err(unreadable(HallError::Row(format!(
                    "position {position} is no version of a key"
                ))));
            }
        }
    }
    array.end()
}

async fn write_entry(
    workspace: &Workspace,
    position: Position,
    with_version: bool,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let entry = match workspace.at_hand(position) {
        Some(entry) => entry,
        None => workspace.entry(position).await.map_err(unreadable)?,
    };
    match (entry.fact(), data::event(&entry)?) {
        (Fact::ContextShared(shared), _) if with_version => {
            data::context_entry(shared, Some(shared.version)).write(out);
        }
        (_, Some(data)) => out.extend_from_slice(&data),
        (_, None) => return Err(unreadable(HallError::Row(format!("position {position} holds no value")))),
    }
    Ok(())
}

fn list_pending(workspace: &Workspace, list: &ListPending<'_>, out: &mut Vec<u8>) -> Result<(), TrpcError> {
    let state = workspace.state();
    let asker = list.agent_id.as_ref().map(ids::member);
    let member = asker.as_ref().and_then(|id| state.roster.get(id));
    let meant = |question: &&Arc<Question>| {
        let Some(id) = &asker else { return true };
        let asked = question.asked_now();
        asked.is_empty()
            || question.to_member.as_ref() == Some(id)
            || member.is_some_and(|member| asked.iter().any(|address| address.reaches(member)))
    };
    let open = state.questions.open().filter(meant);
    let open = page(open, &list.page, |question, id| question.id.as_str() == id)?;
    list::write(open.map(|open| data::question(open)), out)
}

async fn questions_get(
    workspace: &Workspace,
    get: &GetQuestion<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    match workspace.question(&ids::question(&get.id)).await.map_err(unreadable)? {
        Some(question) => data::question(&question).write(out),
        None => out.extend_from_slice(b"null"),
    }
    Ok(())
}

async fn questions_list(
    workspace: &Workspace,
    list: &ListQuestions<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let after = place::<Question>(workspace, Table::Questions, &list.page).await?;
    let wanted = |question: &Question| match (&question.status, list.status) {
        (_, QuestionStatus::All) => true,
        (Status::Pending { .. }, status) => status == QuestionStatus::Pending,
        (Status::Answered(_), status) => status == QuestionStatus::Answered,
        (Status::Failed { .. }, status) => status == QuestionStatus::Failed,
    };
    rows(workspace, Table::Questions, after, &list.page, out, wanted, |question, out| {
        data::question(question).write(out);
    })
    .await
}

async fn decisions_list(
    workspace: &Workspace,
    list: &ListDecisions<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let after = place::<Decision>(workspace, Table::Decisions, &list.page).await?;
    rows(
        workspace,
        Table::Decisions,
        after,
        &list.page,
        out,
        |_: &Decision| true,
        |decision, out| {
            data::decision(decision).write(out);
        },
    )
    .await
}

/// A page of what is in memory: it begins after the item with the id `page.after`.
fn page<T>(
    items: impl Iterator<Item = T>,
    page: &Page<'_>,
    has_id: impl Fn(&T, &str) -> bool,
) -> Result<impl Iterator<Item = T>, TrpcError> {
    let mut items = items;
    if let Some(id) = page.after.as_deref() {
        items.find(|item| has_id(item, id)).ok_or_else(no_such_place)?;
    }
    Ok(items.take(page.limit.map_or(usize::MAX, usize::from)))
}

/// Where a page of rows begins: after the item with the id `page.after`.
async fn place<T: serde::de::DeserializeOwned>(
    workspace: &Workspace,
    table: Table,
    page: &Page<'_>,
) -> Result<Position, TrpcError> {
    let Some(id) = page.after.as_deref() else { return Ok(Position::START) };
    let row = workspace.row::<T>(table, id).await.map_err(unreadable)?;
    row.map(|(place, _)| place).ok_or_else(no_such_place)
}

/// Appends an array of rows, read page by page.
async fn rows<T: serde::de::DeserializeOwned>(
    workspace: &Workspace,
    table: Table,
    mut after: Position,
    page: &Page<'_>,
    out: &mut Vec<u8>,
    wanted: impl Fn(&T) -> bool,
    write: impl Fn(&T, &mut Vec<u8>),
) -> Result<(), TrpcError> {
    let mut left = page.limit.map_or(usize::MAX, usize::from);
    let mut array = List::begin(out);
    while left > 0 {
        let rows = workspace.rows::<T>(table, after, limits::PAGE).await.map_err(unreadable)?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        for (_, row) in rows.iter().filter(|(_, row)| wanted(row)).take(left) {
            left -= 1;
            write(row, array.item()?);
        }
    }
    array.end()
}

fn no_such_place() -> TrpcError {
    TrpcError::new(Code::BadRequest, "`after` names nothing in this list")
}

fn unreadable(error: HallError) -> TrpcError {
    refusal::unreadable(&error)
}
