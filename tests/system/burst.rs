//! Many chats at once under Telegram's limits: every answer arrives, once and in order.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Call, Person, Rates, Telegram};

/// Chats in which something is said at once: enough for all of Telegram's limits to be met, and no more, since the bot then needs half a
/// minute to say it all.
const CHATS: i64 = 50;

/// Prompts in each.
const PROMPTS: usize = 3;

#[test]
fn fifty_chats_at_once_under_telegram_s_limits_each_get_every_answer_once_and_in_order() {
    let telegram = Telegram::start();
    let users: Vec<i64> = (1..=CHATS).map(|number| 1000 + number).collect();
    let people: Vec<Person> = users.iter().map(|user| telegram.private_chat(*user, "en")).collect();
    let mut appliance = Appliance::new(&telegram, &users).with("MAX_PROCESSES", "16");
    appliance.run(&telegram);
    telegram.limit_rates(Rates::telegram());
    for number in 1..=PROMPTS {
        for person in &people {
            person.sends(&format!("echo answer {number}"));
        }
    }
    for person in &people {
        person.waits_for_message(|message| message.text == format!("answer {PROMPTS}"));
    }
    for person in &people {
        let answers: Vec<String> =
            person.messages().into_iter().map(|message| message.text).filter(|text| text.starts_with("answer ")).collect();
        let expected: Vec<String> = (1..=PROMPTS).map(|number| format!("answer {number}")).collect();
        assert_eq!(answers, expected, "{}", person.transcript());
    }
    // Nobody is slowed down before Telegram says so; from then on the bot keeps to the limits by itself.
    for person in &people {
        let of_chat = |call: &Call| call.chat() == Some(person.chat()) && matches!(&call.answer, Some(Err(refusal)) if refusal.code == 429);
        let refused = telegram.look(|state| state.calls.iter().filter(|call| of_chat(call)).count());
        assert!(refused <= 2, "{refused} calls for chat {} were refused", person.chat());
    }
}
