//! Updates made from the description.

use std::collections::BTreeSet;

use super::*;

fn cast() -> Cast {
    Cast { sender: 1001, chat: -1009, others: vec![2002] }
}

#[test]
fn every_generated_update_fits_the_description() {
    let mut generator = Generator::new(1, cast());
    let kinds = Generator::kinds();
    assert!(kinds.len() > 25 && kinds.contains(&"stopped_message_generation"), "{kinds:?}");
    let mut longest = 0;
    for round in 0..40 {
        for kind in &kinds {
            let update = generator.update(kind);
            let wrong = misfits("Update", &update);
            assert!(wrong.is_empty(), "round {round}, {kind}: {wrong:?}");
            longest = longest.max(update.to_string().len());
        }
    }
    assert!((16 << 10..256 << 10).contains(&longest), "the longest update has {longest} bytes");
}

#[test]
fn generated_updates_are_varied_and_repeatable() {
    let some = |seed| {
        let mut generator = Generator::new(seed, cast());
        (0..300).map(|_| generator.update("message")).collect::<Vec<_>>()
    };
    assert_eq!(some(1), some(1));
    assert_ne!(some(1), some(2));
    let fields: BTreeSet<String> = some(1).iter().flat_map(|update| update["message"].as_object().unwrap().keys().cloned()).collect();
    for field in ["text", "photo", "document", "reply_to_message", "forum_topic_created", "of_a_later_version", "rich_message"] {
        assert!(fields.contains(field), "no {field} in 300 messages");
    }
}

#[test]
fn the_cast_acts_in_generated_updates() {
    let mut generator = Generator::new(3, cast());
    for _ in 0..50 {
        let update = generator.update("callback_query");
        assert_eq!(update["callback_query"]["from"]["id"], 1001);
        let update = generator.update("message");
        assert_eq!((&update["message"]["chat"]["id"], &update["message"]["chat"]["type"]), (&json!(-1009), &json!("supergroup")));
        let from = &update["message"]["from"];
        assert!(from.is_null() || from["id"] == 1001, "{from}");
    }
}

#[test]
fn wrong_leaves_are_wrong() {
    let mut generator = Generator::new(4, cast()).with_wrong_leaves();
    let wrong = (0..200).filter(|_| !misfits("Update", &generator.update("message")).is_empty()).count();
    assert!(wrong > 150, "only {wrong} of 200 updates have a wrong leaf");
}

#[test]
fn a_thousand_generated_updates_can_be_polled() {
    let telegram = Telegram::start();
    let mut generator = Generator::new(5, cast());
    let asked = Generator::kinds();
    updates(&telegram, json!({"allowed_updates": asked}));
    for round in 0..1000 {
        telegram.pushes(generator.update(asked[round % asked.len()])).unwrap();
    }
    let mut taken = 0;
    let mut offset = 0;
    while taken < 1000 {
        let batch = updates(&telegram, json!({"offset": offset}));
        assert!(!batch.is_empty());
        taken += batch.len();
        offset = batch.last().unwrap() + 1;
    }
    assert_eq!(taken, 1000);
}

#[test]
fn a_file_that_only_an_update_by_hand_names_is_asked_for_in_vain() {
    let telegram = Telegram::start();
    telegram.pushes(json!({"message": {"document": {"file_id": "by hand"}}})).unwrap();
    assert!(refusal(&telegram, "getFile", json!({"file_id": "by hand"})).contains("wrong file_id"));
}
