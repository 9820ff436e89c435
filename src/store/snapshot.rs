//! The whole store as one stream of records: what a backup holds, and what a restored store is made of. It outlives changes of sled's files.
//!
//! ```text
//! kiroclaw store 1\n   NEXT: u64
//! tree: u8 length, name   key: u32 length, bytes   value: u32 length, bytes      as often as there are records
//! 0: u8                   COUNT: u64                                             numbers big-endian
//! ```

use std::io::{self, Read, Write};

use serde::de::IgnoredAny;

use super::{BASE_KEY, Store, StoreError, record};

/// The first line. Its number is that of this form; the records carry versions of their own.
const MAGIC: &[u8; 17] = b"kiroclaw store 1\n";

/// Longest key, in bytes: a user, a thread and a tag.
const KEY: u32 = 4096;

/// Longest value, in bytes: a prompt or an answer with every character escaped, several times over.
const VALUE: u32 = 16 * 1024 * 1024;

/// Trees whose values are no records.
const PLAIN: &[&str] = &["seen", "seen_ring", "counters"];

impl Store {
    /// Writes every record to `out`; gives how many. They are those of one moment as long as nobody writes meanwhile: the gateway's one
    /// thread makes sure of that by doing nothing else.
    ///
    /// # Errors
    /// sled or `out` failed.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, StoreError> {
        let mut count = 0_u64;
        put(out, MAGIC)?;
        put(out, &self.next_id()?.to_be_bytes())?;
        for (name, tree) in self.trees() {
            for pair in tree {
                let (key, value) = pair?;
                put(out, &[u8::try_from(name.len()).unwrap_or_default()])?;
                put(out, name.as_bytes())?;
                for (part, most) in [(&key, KEY), (&value, VALUE)] {
                    let length = u32::try_from(part.len()).ok().filter(|length| *length <= most);
                    // It would not be taken in again.
                    let length = length.ok_or_else(|| StoreError::Failed(format!("a record of `{name}` is too long")))?;
                    put(out, &length.to_be_bytes())?;
                    put(out, part)?;
                }
                count += 1;
            }
        }
        put(out, &[0])?;
        put(out, &count.to_be_bytes())?;
        out.flush().map_err(failed)?;
        Ok(count)
    }

    /// Takes the records of an export into this store, which is new and is to be closed after that; gives how many they were.
    ///
    /// # Errors
    /// They are not what [`Store::export`] writes, or sled failed.
    pub fn import(&self, from: &mut impl Read) -> Result<u64, StoreError> {
        if take::<17>(from)? != *MAGIC {
            return Err(StoreError::Foreign("it begins with something else"));
        }
        let next = u64::from_be_bytes(take(from)?);
        let mut count = 0_u64;
        loop {
            let [length] = take(from)?;
            if length == 0 {
                break;
            }
            let name = part(from, length.into(), 255)?;
            let (key, value) = (sized(from, KEY)?, sized(from, VALUE)?);
            let found = self.trees().into_iter().find(|(known, _)| known.as_bytes() == name);
            let (name, tree) = found.ok_or(StoreError::Foreign("it has records of a kind that this kiroclaw does not know"))?;
            if !PLAIN.contains(&name) {
                record::decode::<IgnoredAny>(&value)?;
            }
            tree.insert(key, value)?;
            count += 1;
        }
        if u64::from_be_bytes(take(from)?) != count {
            return Err(StoreError::Foreign("it has another number of records than it says"));
        }
        // Numbers that were given must not be given again: entries, tags and buttons are known by them.
        self.db.insert(BASE_KEY, &next.to_be_bytes())?;
        self.db.flush()?;
        Ok(count)
    }

    fn trees(&self) -> [(&'static str, &sled::Tree); 10] {
        [
            ("counters", &self.counters),
            ("hosts", &self.hosts),
            ("inbox", &self.inbox),
            ("outbox", &self.outbox),
            ("seen", &self.seen),
            ("seen_ring", &self.seen_ring),
            ("sessions", &self.sessions),
            ("shown", &self.shown),
            ("users", &self.users),
            ("workspaces", &self.workspaces),
        ]
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::Failed(format!("its copy: {error}"))
}

fn put(out: &mut impl Write, bytes: &[u8]) -> Result<(), StoreError> {
    out.write_all(bytes).map_err(failed)
}

fn take<const N: usize>(from: &mut impl Read) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(bytes)
}

fn sized(from: &mut impl Read, most: u32) -> Result<Vec<u8>, StoreError> {
    let length = u32::from_be_bytes(take(from)?);
    part(from, length, most)
}

fn part(from: &mut impl Read, length: u32, most: u32) -> Result<Vec<u8>, StoreError> {
    if length > most {
        return Err(StoreError::Foreign("a record in it is too long"));
    }
    let mut bytes = Vec::new();
    let read = from.take(length.into()).read_to_end(&mut bytes).map_err(failed)?;
    if u32::try_from(read) == Ok(length) { Ok(bytes) } else { Err(StoreError::Foreign("its end is missing")) }
}

fn cut_off(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::UnexpectedEof { StoreError::Foreign("its end is missing") } else { failed(error) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::outbound::Message;
    use crate::model::{ThreadId, UserId};
    use crate::store::{SessionKey, SessionRecord};

    fn exported(store: &Store) -> Vec<u8> {
        let mut bytes = Vec::new();
        store.export(&mut bytes).unwrap();
        bytes
    }

    fn filled() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let key = SessionKey { user: UserId::telegram(1), thread: ThreadId::telegram(1, None), agent: "kiro".parse().unwrap() };
        let record = SessionRecord { title: "talk".to_owned(), ..SessionRecord::new(key.user) };
        store.put_session(&key, &record).unwrap();
        store.post(&Message::answer(key.thread, "x".repeat(200_000))).unwrap();
        store.count("strangers").unwrap();
        (directory, store)
    }

    #[test]
    fn a_store_made_of_an_export_has_every_record_and_gives_no_number_again() {
        let (_directory, store) = filled();
        let bytes = exported(&store);
        let before = store.next_id().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let copy = Store::open(directory.path()).unwrap();
        assert_eq!(copy.import(&mut bytes.as_slice()).unwrap(), 3);
        copy.close().unwrap();
        let copy = Store::open(directory.path()).unwrap();
        assert!(copy.next_id().unwrap() >= before, "an entry would take another's place");
        assert_eq!(copy.counter("strangers").unwrap(), 1);
        let again = exported(&copy);
        assert!(again[25..] == bytes[25..], "all but the next number");
    }

    #[test]
    fn an_export_that_is_cut_off_or_of_another_kind_is_refused() {
        let (_directory, store) = filled();
        let bytes = exported(&store);
        let import = |bytes: &[u8]| {
            let directory = tempfile::tempdir().unwrap();
            Store::open(directory.path()).unwrap().import(&mut &*bytes)
        };
        for end in [0, 10, 20, 40, bytes.len() - 9, bytes.len() - 1] {
            assert!(matches!(import(&bytes[..end]), Err(StoreError::Foreign(_))), "{end}");
        }
        let mut other = bytes.clone();
        other[26] = b'X';
        assert!(import(&other).unwrap_err().to_string().contains("does not know"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path()).unwrap();
            let long = [MAGIC.as_slice(), &[0; 8], &bytes].concat();
            prop_assert!(store.import(&mut bytes.as_slice()).is_err());
            let _ = store.import(&mut long.as_slice());
        }
    }
}
