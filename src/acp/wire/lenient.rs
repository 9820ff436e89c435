//! Reading what may be anything.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A value of the type, `None` if it is not one.
pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// For fields: what is of a wrong type counts as missing.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
    Ok(read(raw).unwrap_or_default())
}

/// The first items of a list that are of the type, `MOST` of them: a list of a line's length would take many times its room.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<T, const MOST: usize = 256>(pub(crate) Vec<T>);

impl<T, const MOST: usize> Default for Bounded<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Bounded<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

struct Items<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
    type Value = Bounded<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST {
            let Some(raw) = list.next_element::<&'de RawValue>()? else { return Ok(Bounded(items)) };
            items.extend(read::<T>(raw));
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Bounded(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_first_items_of_the_right_type() {
        let list: Bounded<u8, 2> = serde_json::from_str(r#"["x",1,{},300,2,3,"y"]"#).unwrap();
        assert_eq!(list.0, [1, 2]);
        assert!(serde_json::from_str::<Bounded<u8>>("{}").is_err());
    }
}
