//! Values to bind: each knows its type also when it is null, because PostgreSQL wants to know.

use omniot_shared::{ids, time::Millis};
use sqlx::{Arguments as _, error::BoxDynError, postgres::PgArguments, sqlite::SqliteArguments};
use uuid::Uuid;

/// One bound parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `uuid` / `blob` of 16 bytes.
    Uuid(Option<Uuid>),
    /// Any number of ids, for `= any($n)`.
    Ids(Vec<Uuid>),
    /// `bigint` / `integer`. There is no smaller integer in our tables.
    Int(Option<i64>),
    /// `text`.
    Text(Option<String>),
    /// `bytea` / `blob`.
    Bytes(Option<Vec<u8>>),
    /// `boolean` / `integer`.
    Bool(Option<bool>),
    /// `double precision` / `real`.
    Real(Option<f64>),
    /// `jsonb` / `text`.
    Json(Option<serde_json::Value>),
}

impl Value {
    /// These ids as one value.
    pub fn ids(ids: impl IntoIterator<Item = impl Into<Uuid>>) -> Self {
        Self::Ids(ids.into_iter().map(Into::into).collect())
    }
}

/// As SQLite reads them: JSON, each id in hexadecimal digits.
fn list(ids: Vec<Uuid>) -> String {
    let mut text = String::with_capacity(2 + 35 * ids.len());
    text.push('[');
    for (at, id) in ids.into_iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        text.push_str(id.simple().encode_lower(&mut Uuid::encode_buffer()));
        text.push('"');
    }
    text.push(']');
    text
}

macro_rules! add_to {
    ($name:ident, $arguments:ty, $ids:expr) => {
        pub(super) fn $name(values: Vec<Value>) -> Result<$arguments, BoxDynError> {
            let mut arguments = <$arguments>::default();
            for value in values {
                match value {
                    Value::Uuid(v) => arguments.add(v),
                    Value::Ids(v) => arguments.add($ids(v)),
                    Value::Int(v) => arguments.add(v),
                    Value::Text(v) => arguments.add(v),
                    Value::Bytes(v) => arguments.add(v),
                    Value::Bool(v) => arguments.add(v),
                    Value::Real(v) => arguments.add(v),
                    Value::Json(v) => arguments.add(v),
                }?;
            }
            Ok(arguments)
        }
    };
}

add_to!(for_sqlite, SqliteArguments, list);
add_to!(for_postgres, PgArguments, std::convert::identity);

macro_rules! from {
    ($($type:ty => $variant:ident, $convert:expr;)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self { Self::$variant(Some($convert(value))) }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self { Self::$variant(value.map($convert)) }
        }
    )*};
}

from! {
    Uuid => Uuid, |v| v;
    i64 => Int, |v| v;
    i32 => Int, i64::from;
    u32 => Int, i64::from;
    u16 => Int, i64::from;
    Millis => Int, |v: Millis| v.0;
    String => Text, |v| v;
    &str => Text, str::to_owned;
    &String => Text, |v: &String| v.clone();
    Vec<u8> => Bytes, |v| v;
    &[u8] => Bytes, <[u8]>::to_vec;
    [u8; 32] => Bytes, |v: [u8; 32]| v.to_vec();
    bool => Bool, |v| v;
    f64 => Real, |v| v;
    serde_json::Value => Json, |v| v;
    ids::TenantId => Uuid, Uuid::from;
    ids::PersonId => Uuid, Uuid::from;
    ids::SessionId => Uuid, Uuid::from;
    ids::InvitationId => Uuid, Uuid::from;
    ids::MailId => Uuid, Uuid::from;
    ids::SiteId => Uuid, Uuid::from;
    ids::SiteGroupId => Uuid, Uuid::from;
    ids::ModelId => Uuid, Uuid::from;
    ids::DeviceId => Uuid, Uuid::from;
    ids::AttemptId => Uuid, Uuid::from;
    ids::GrantId => Uuid, Uuid::from;
    ids::ClientId => Uuid, Uuid::from;
    ids::IntentId => Uuid, Uuid::from;
    ids::OperatorId => Uuid, Uuid::from;
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Self {
        value.clone()
    }
}
