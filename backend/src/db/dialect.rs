//! What our SQL says on SQLite. The texts are written for PostgreSQL; two things differ.
//!
//! - `$n` stands for the n-th value wherever it is written. SQLite calls such a parameter by its name, and looks
//!   for each name among all of them whenever a value is bound: a statement of a thousand values takes a million
//!   looks. Parameters without names are bound by their position, so that is how they go there.
//! - `= any($n)` takes a list of ids as one value: an array there, JSON here.

use super::Value;

/// The text and the values in the order of its parameters.
pub(super) fn for_sqlite(sql: &str, values: &[Value]) -> (String, Vec<Value>) {
    let (mut text, mut bound) = (String::with_capacity(sql.len() + 64), Vec::with_capacity(values.len()));
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at(digits);
        let Ok(number) = number.parse::<usize>() else {
            text.push_str(before);
            text.push('$');
            rest = after;
            continue;
        };
        match before.strip_suffix("= any(") {
            Some(before) => {
                text.push_str(before);
                text.push_str("in (select unhex(value) from json_each(?)");
            }
            None => {
                text.push_str(before);
                text.push('?');
            }
        }
        // A value that nobody gave is none, as it would be by name; the others keep their places.
        bound.push(values.get(number.wrapping_sub(1)).cloned().unwrap_or(Value::Text(None)));
        rest = after;
    }
    text.push_str(rest);
    (text, bound)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn ints(numbers: &[i64]) -> Vec<Value> {
        numbers.iter().map(|number| Value::from(*number)).collect()
    }

    #[test]
    fn a_parameter_goes_by_its_position_as_often_as_it_is_written() {
        let (sql, values) = for_sqlite("select $2, $1 from t where a = $12 and b = $2 and c like '$.x'", &ints(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
        assert_eq!(sql, "select ?, ? from t where a = ? and b = ? and c like '$.x'");
        assert_eq!(values, ints(&[2, 1, 12, 2]));
    }

    #[test]
    fn a_list_of_ids_is_one_value() {
        let list = Value::ids([Uuid::nil()]);
        let (sql, values) = for_sqlite("delete from t where tenant_id = $1 and id = any($2)", &[Value::from(7), list.clone()]);
        assert_eq!(sql, "delete from t where tenant_id = ? and id in (select unhex(value) from json_each(?))");
        assert_eq!(values, [Value::from(7), list]);
    }
}
