//! Facts about people, through the API, on both engines.

mod groups;
mod invitations;
mod people;
mod resets;
mod sessions;
mod sign_in;

use omniot_shared::{ids::PersonId, roles::Role};
use serde_json::{Value, json};

use crate::{
    audit::Author,
    identity::{By, NewPerson, add_person, settled},
    mail,
    testing::{App, Client, Tenant},
};

/// A password that the rules accept.
const PASSWORD: &str = "correct horse battery";

/// A person with [`PASSWORD`], who has not signed in.
async fn member(tenant: &Tenant, name: &str, role: Role) -> (PersonId, String) {
    let email = format!("{}@{}.example", name.to_lowercase().replace(' ', "."), tenant.name);
    let mut scope = tenant.db_write().await;
    let author = Author::system("test");
    let by = By { author: &author, request_id: None };
    let id = add_person(&mut scope, &tenant.app.state, by, NewPerson { name, email: &email, role, password: PASSWORD }).await.expect("a person");
    scope.commit().await.expect("a commit");
    (id, email)
}

/// What somebody types at sign-in, with the app.
fn credentials(tenant: &str, email: &str, password: &str) -> Value {
    json!({"tenant": tenant, "email": email, "password": password, "client": "app"})
}

/// Signs in with the app.
async fn signed_in(app: &App, tenant: &str, email: &str, password: &str) -> Client {
    let answer = app.nobody().post("/v1/sessions", credentials(tenant, email, password)).await.expect(201);
    app.bearer(answer["token"].as_str().expect("a token"))
}

/// The outbox: recipient, body, oldest first.
async fn db_mails(tenant: &Tenant) -> Vec<(String, String)> {
    settled().await;
    let mails = mail::list(&mut tenant.db_write().await, None, 200).await.expect("the outbox");
    mails.into_iter().rev().map(|mail| (mail.recipient, mail.body)).collect()
}

/// The token in the newest mail to somebody.
async fn db_mailed_token(tenant: &Tenant, email: &str) -> String {
    let mails = db_mails(tenant).await;
    let (_, body) = mails.iter().rev().find(|(to, body)| to == email && body.contains("#token=")).expect("a mail with a link");
    let line = body.lines().find(|line| line.contains("#token=")).expect("a link on its own line");
    line.split_once("#token=").expect("a token").1.to_owned()
}

/// The actions in the audit log, oldest first.
async fn db_actions(tenant: &Tenant) -> Vec<String> {
    let rows: Vec<(String,)> = tenant.db_write().await.query("select action from audit where tenant_id = $1 order by n").all().await.expect("the log");
    rows.into_iter().map(|(action,)| action).collect()
}

/// The names in a page.
fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["name"].as_str()).collect()
}
