//! Tenants, people, audit and operators from the command line.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use omniot_shared::fold::like_pattern;

use super::{Store, say};
use crate::{
    audit::{self, Author, Broken},
    console::operators,
    db::TenantAccess,
    http::{ApiError, AppState},
    identity, mail, sync, tenancy,
};

#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Make a tenant from a template and invite its first owner; prints the invitation link.
    Create {
        /// Short name: what people type at sign-in.
        name: String,
        /// Full name.
        #[arg(long)]
        display_name: String,
        /// blank, cold-chain or facility.
        #[arg(long, default_value = "blank")]
        template: String,
        /// Who is invited as the first owner.
        #[arg(long)]
        owner_email: String,
        #[command(flatten)]
        store: Store,
    },
    /// List the tenants: name, status, full name.
    List {
        /// Only those named like this.
        #[arg(long)]
        q: Option<String>,
        #[command(flatten)]
        store: Store,
    },
    /// Refuse every session, device and stream of a tenant.
    Suspend {
        /// Short name.
        name: String,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        store: Store,
    },
    /// Serve a suspended tenant again.
    Resume {
        /// Short name.
        name: String,
        #[command(flatten)]
        store: Store,
    },
    /// Say that a tenant's data was put back from a backup: apps then give again what it does not hold.
    Restored {
        /// Short name.
        name: String,
        #[command(flatten)]
        store: Store,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Person {
    /// Print a link with which a person sets a new password; earlier ones are dead.
    ResetLink {
        /// The tenant's short name.
        tenant: String,
        /// Their address.
        email: String,
        #[command(flatten)]
        store: Store,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Recompute a tenant's chain; fails and names the first broken link when it does not hold.
    Verify {
        /// Short name.
        tenant: String,
        #[command(flatten)]
        store: Store,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Operator {
    /// Add an operator.
    Create {
        /// Their address.
        email: String,
        /// Their name.
        #[arg(long)]
        name: String,
        /// Their password; better given by the environment than on the command line.
        #[arg(long, env = "OMNIOT_OPERATOR_PASSWORD", hide_env_values = true)]
        password: String,
        #[command(flatten)]
        store: Store,
    },
    /// List the operators: address, name.
    List {
        #[command(flatten)]
        store: Store,
    },
    /// Set an operator's password and end their sessions.
    Password {
        /// Their address.
        email: String,
        /// The new one; better given by the environment than on the command line.
        #[arg(long, env = "OMNIOT_OPERATOR_PASSWORD", hide_env_values = true)]
        password: String,
        #[command(flatten)]
        store: Store,
    },
    /// Remove an operator and end their sessions; never the last one.
    Remove {
        /// Their address.
        email: String,
        #[command(flatten)]
        store: Store,
    },
}

fn plainly(error: ApiError) -> anyhow::Error {
    anyhow!("{}", error.detail)
}

async fn named(state: &AppState, name: &str) -> anyhow::Result<tenancy::Tenant> {
    tenancy::find_tenant(&state.db, name).await?.with_context(|| format!("there is no tenant named {name}"))
}

pub(super) async fn tenant(command: Tenant) -> anyhow::Result<()> {
    let author = Author::system("command line");
    match command {
        Tenant::Create { name, display_name, template, owner_email, store } => {
            let state = store.open_with_address().await?;
            let new = tenancy::NewTenant { name, display_name, template };
            let made = tenancy::provision_with_owner(&state, &author, None, new, &owner_email).await?;
            let mut scope = state.db.read(&TenantAccess::for_job(made.id, "show_invitation")).await?;
            let link = mail::list(&mut scope, None, 1).await?.into_iter().find_map(|mail| mail.link);
            say(&format!("{} {}\n{}", made.name, made.id, link.unwrap_or_default()))?;
        }
        Tenant::List { q, store } => list(&store.open().await?, q.as_deref()).await?,
        Tenant::Suspend { name, reason, store } => {
            let state = store.open().await?;
            let id = named(&state, &name).await?.id;
            tenancy::suspend(&state, &author, None, id, &reason).await.map_err(plainly)?;
        }
        Tenant::Resume { name, store } => {
            let state = store.open().await?;
            let id = named(&state, &name).await?.id;
            tenancy::resume(&state, &author, None, id).await.map_err(plainly)?;
        }
        Tenant::Restored { name, store } => {
            let state = store.open().await?;
            let id = named(&state, &name).await?.id;
            let mut scope = state.db.write(&TenantAccess::for_job(id, "restored")).await?;
            let epoch = sync::restored(&mut scope, &state, &author).await?;
            scope.commit().await?;
            say(&format!("{name}: epoch {epoch}"))?;
        }
    }
    Ok(())
}

async fn list(state: &AppState, q: Option<&str>) -> anyhow::Result<()> {
    let mut wanted = tenancy::store::Wanted { pattern: q.and_then(like_pattern), rows: 200, ..Default::default() };
    let mut control = state.db.control_read().await?;
    loop {
        let page = tenancy::store::list(&mut control, &wanted).await?;
        for tenant in &page {
            say(&format!("{:<24} {:<10} {}", tenant.name, tenant.status.name(), tenant.display_name))?;
        }
        match page.last() {
            Some(last) => wanted.after = Some(last.name.clone()),
            None => return Ok(()),
        }
    }
}

pub(super) async fn audit(command: Audit) -> anyhow::Result<ExitCode> {
    let Audit::Verify { tenant, store } = command;
    let state = store.open().await?;
    let found = named(&state, &tenant).await?;
    let mut scope = state.db.read(&TenantAccess::for_job(found.id, "verify_audit")).await?;
    let verdict = audit::verify(&mut scope).await?;
    let Some(broken) = verdict.broken else {
        say(&format!("{tenant}: the audit chain holds, {} entries", verdict.entries))?;
        return Ok(ExitCode::SUCCESS);
    };
    let what = match broken {
        Broken::Changed { n } => format!("entry {n} was changed"),
        Broken::Missing { n } => format!("entry {n} is missing"),
        Broken::CutOff { n } => format!("the newest entries were cut off: it should end at {n}"),
    };
    say(&format!("{tenant}: the audit chain is broken: {what}; {} entries hold", verdict.entries))?;
    Ok(ExitCode::FAILURE)
}

pub(super) async fn person(command: Person) -> anyhow::Result<()> {
    let Person::ResetLink { tenant, email, store } = command;
    let state = store.open().await?;
    let id = named(&state, &tenant).await?.id;
    let mut scope = state.db.write(&TenantAccess::for_job(id, "reset_link")).await?;
    let link = identity::link_for(&mut scope, &state, &Author::system("command line"), &email).await.map_err(|error| match error {
        identity::IdentityError::NotFound => anyhow!("nobody of {tenant} has the address {email}"),
        other => anyhow!(other),
    })?;
    scope.commit().await?;
    Ok(say(&link)?)
}

pub(super) async fn operator(command: Operator) -> anyhow::Result<()> {
    match command {
        Operator::Create { email, name, password, store } => add_operator(&store.open().await?, &email, &name, &password).await?,
        Operator::List { store } => {
            for operator in operators::list(&store.open().await?).await? {
                say(&format!("{:<40} {}", operator.email, operator.name))?;
            }
        }
        Operator::Password { email, password, store } => operators::set_password(&store.open().await?, &email, &password).await?,
        Operator::Remove { email, store } => operators::remove(&store.open().await?, &email).await?,
    }
    Ok(())
}

/// Adds an operator; refuses an address that is taken.
pub(super) async fn add_operator(state: &AppState, email: &str, name: &str, password: &str) -> anyhow::Result<()> {
    Ok(operators::add(state, email, name, password).await?)
}
