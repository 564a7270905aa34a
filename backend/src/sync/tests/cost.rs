//! What a push and a pull cost, in statements. (Two more are spent on who calls.)

use std::time::Instant;

use super::*;
use crate::db::STATEMENTS;

fn statements() -> u32 {
    STATEMENTS.with(std::cell::Cell::take)
}

#[tokio::test]
async fn a_push_costs_statements_by_the_score_not_by_the_intent() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let site = a.new_site("first");
        a.sync().await;
        a.rename(site, "once");
        statements();
        a.push().await;
        let one = statements();
        assert!(one <= 14, "one edit costs {one} statements");
        for n in 0..500 {
            a.new_site(&format!("site {n}"));
        }
        let push = a.next_push().expect("500 intents");
        let count = push.intents.len() as u32;
        statements();
        let began = Instant::now();
        a.send(&push).await.expect(200);
        let took = began.elapsed();
        let many = statements();
        eprintln!("{}: one edit {one} statements; {count} intents {many} statements, {took:?}", app.engine);
        assert!(count > 400, "{count} go at once");
        assert!(many <= one + count / 6, "{count} intents cost {many} statements");
    }
}

#[tokio::test]
async fn a_pull_costs_a_statement_a_thousand_rows() {
    let app = App::sqlite().await;
    let tenant = app.tenant("acme").await;
    let mut a = Tablet::of(&tenant, Role::Admin).await;
    for n in 0..2_500 {
        a.new_site(&format!("site {n}"));
    }
    a.push().await;
    statements();
    a.pull().await;
    let cost = statements();
    assert!(cost <= 16, "2,500 rows cost {cost} statements");
    a.pull().await;
    let nothing_new = statements();
    assert!(nothing_new <= 13, "a pull without news costs {nothing_new}");
}
