//! One change at a time, in the caller's transaction: the way of the REST API and of devices.
//!
//! Deliberately not here: pushes, which carry many and answer with receipts (`push`).

use omniot_shared::{
    sync::{
        Actor, Change, Code, Outcome, Refusal, Row, Rows as _, Seq, Was, Who, apply,
        policy::{self, Edit},
        server::{Decision, decide},
    },
    time::Millis,
};

use super::{batch::Batch, trail::Circumstances};
use crate::{
    audit::Author,
    db::{DbError, Scope},
    http::{ApiError, Caller, Needs},
};

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// The tenant's sequence now.
    pub seq: Seq,
    /// The row it was about, as it is now.
    pub row: Row,
    /// Whether anything changed.
    pub changed: bool,
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refused(refusal),
            ExecuteError::Db(error) => error.into(),
        }
    }
}

/// A refusal as docs/API.md words it. A field that names something that is not there is a fault
/// of that field; only the thing itself is `not_found`.
fn refused(refusal: Refusal) -> ApiError {
    let Refusal { code, detail, field } = refusal;
    match (code, field) {
        (Code::InvalidField, Some(field)) => ApiError::invalid_field(field, detail),
        (Code::NotFound | Code::NoLongerPermitted, Some(field)) if field != "id" => ApiError::invalid_field(field, detail),
        // Out of sight is not there.
        (Code::NotFound | Code::RowDeleted | Code::NoLongerPermitted, _) => ApiError::not_found(),
        (Code::NotAllowed, _) => ApiError::not_allowed(),
        (Code::AlreadyExists, _) => ApiError::conflict("already_exists", detail),
        (Code::Stale, _) => ApiError::conflict("stale", detail),
        (Code::StateConflict | Code::AppendOnly, _) => ApiError::conflict("state_conflict", detail),
        (other, _) => ApiError::internal(&format!("{other} is no refusal of a single change")),
    }
}

/// Executes `change` for the person who calls, in their transaction; commit it afterwards.
///
/// # Errors
/// [`ExecuteError::Refused`] leaves the transaction as it was.
pub async fn execute<N: Needs>(caller: &mut Caller<N>, change: Change) -> Result<Executed, ExecuteError> {
    execute_over(caller, change, &Was::default()).await
}

/// The same, where the row still stands as its editor was shown it.
///
/// # Errors
/// [`ExecuteError::Refused`] leaves the transaction as it was; `stale` where it does not.
pub async fn execute_over<N: Needs>(caller: &mut Caller<N>, change: Change, was: &Was) -> Result<Executed, ExecuteError> {
    let (seq, row, changed) = carry_out_for(caller, change, was).await?;
    Ok(Executed { seq, row: row.ok_or_else(gone)?, changed })
}

/// Executes a `change` that takes a row away, for the person who calls; one that is not there is fine.
///
/// # Errors
/// [`ExecuteError::Refused`] leaves the transaction as it was; `stale` where the row is another than they were shown.
pub async fn remove<N: Needs>(caller: &mut Caller<N>, change: Change, was: &Was) -> Result<(), ExecuteError> {
    carry_out_for(caller, change, was).await.map(drop)
}

/// Executes `change` on behalf of `actor`: device authentication, seeding, jobs. `author` is who
/// the audit log names.
///
/// # Errors
/// [`ExecuteError::Refused`] leaves the transaction as it was.
pub async fn execute_as(scope: &mut Scope, actor: &Actor<'_>, author: &Author, request_id: Option<&str>, change: Change) -> Result<Executed, ExecuteError> {
    let (seq, row, changed) = carry_out(scope, actor, author, request_id, change, &Was::default()).await?;
    Ok(Executed { seq, row: row.ok_or_else(gone)?, changed })
}

fn gone() -> Refusal {
    Refusal::new(Code::RowDeleted, "the row is no more")
}

async fn carry_out_for<N: Needs>(caller: &mut Caller<N>, change: Change, was: &Was) -> Result<(Seq, Option<Row>, bool), ExecuteError> {
    let person = caller.person().clone();
    let actor = Actor { tenant: caller.tenant(), who: Who::Person { id: person.id, role: person.role, sight: &person.sight }, now: caller.now() };
    let author = Author::person(person.id, &person.name);
    let request_id = caller.request_id().clone();
    carry_out(caller.scope(), &actor, &author, Some(request_id.as_str()), change, was).await
}

/// The tenant's sequence, the row that the change is about as it is now, and whether anything changed.
async fn carry_out(scope: &mut Scope, actor: &Actor<'_>, author: &Author, request_id: Option<&str>, change: Change, was: &Was) -> Result<(Seq, Option<Row>, bool), ExecuteError> {
    // The tenant is the scope's, whatever an actor was made with.
    let actor = Actor { tenant: scope.tenant(), ..*actor };
    let mut batch = Batch::open(scope, [&change]).await?;
    let changes = apply(&change, &actor, batch.rows())?;
    let changed = !changes.is_empty();
    // What stands already as it is wanted is no question.
    if changed {
        was.still(batch.rows().row(change.target(actor.tenant)))?;
    }
    let edit = Edit { base: None, words: None, at: actor.now, by: None, read: None, past_lost: false };
    batch.take_in(&change, Decision::accept(changes), &edit, &Circumstances::default());
    let row = batch.rows().row(change.target(actor.tenant)).cloned();
    let seq = batch.write(scope, author, actor.now, request_id).await?;
    Ok((seq, row, changed))
}

/// Carries out a change that `actor` made earlier (`actor.now`), now that `author` decided so: over what stands,
/// as an online edit, but for words: those stand beside what others wrote who `read` otherwise. Two who made the same device have made one.
///
/// # Errors
/// [`ExecuteError::Refused`] leaves the transaction as it was.
pub async fn execute_late(scope: &mut Scope, actor: &Actor<'_>, author: &Author, decided_at: Millis, request_id: Option<&str>, change: Change, read: Option<&str>) -> Result<(), ExecuteError> {
    let actor = Actor { tenant: scope.tenant(), ..*actor };
    let mut batch = Batch::open(scope, [&change]).await?;
    let edit = Edit { base: None, words: Some(Seq(0)), at: decided_at, by: None, read, past_lost: false };
    let decision = decide(change.clone(), &edit, &actor, batch.rows(), &batch.stamps(&change));
    if let Some(refusal) = decision.outcome.refusal() {
        return Err(refusal.clone().into());
    }
    let lost = match batch.take_in(&change, decision, &edit, &Circumstances::default()) {
        Outcome::Merged { lost } | Outcome::Superseded { lost } => lost,
        _ => vec![],
    };
    // Words that stand nowhere else join those that stand there.
    if let Some(words) = policy::words_lost(&change, &lost, actor.tenant) {
        let unseen = Edit { base: Some(Seq(0)), words: None, at: actor.now, by: None, read, past_lost: false };
        let decision = decide(words.clone(), &unseen, &actor, batch.rows(), &batch.stamps(&words));
        if decision.outcome != Outcome::Applied {
            return Err(Refusal::new(Code::StateConflict, "what was written does not fit beside what stands there").into());
        }
        batch.take_in(&words, decision, &unseen, &Circumstances::default());
    } else if lost.iter().any(|field| policy::is_written(change.target(actor.tenant).table, field)) {
        return Err(Refusal::new(Code::StateConflict, "other words stand there than were taken away").into());
    }
    batch.write(scope, author, decided_at, request_id).await?;
    Ok(())
}
