//! What a message carries besides its text.

use serde_json::Value;

use super::read::{flag, number, part, text};

/// What a message carries besides its text. Telegram may name two for one (a venue and its location, an animation and its document); the
/// more telling one is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Media {
    /// A file.
    File(Attachment),
    /// A point on the map.
    Location(Location),
    /// A place with a name.
    Venue {
        /// Where it is.
        location: Location,
        /// Its name.
        title: String,
        /// Its address.
        address: String,
    },
    /// Somebody from an address book.
    Contact {
        /// The number, as the sender's phone has it.
        phone_number: String,
        /// The first name, or all of it.
        first_name: String,
        /// The last name.
        last_name: Option<String>,
    },
    /// Something else, by Telegram's own field name, such as `poll`.
    Other(&'static str),
}

/// What sort of file it is, as Telegram sorts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the Bot API's own words")]
pub enum AttachmentKind {
    Animation,
    Audio,
    Document,
    Photo,
    Sticker,
    Video,
    VideoNote,
    Voice,
}

/// A file in a message. All that is said of it is the sender's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What sort.
    pub kind: AttachmentKind,
    /// What it is fetched by. Empty when Telegram's description could not be read: then it is there, but cannot be fetched.
    pub file_id: String,
    /// The same for all bots and times; no file is fetched by it.
    pub file_unique_id: String,
    /// Its name on the sender's device.
    pub file_name: Option<String>,
    /// Its MIME type.
    pub mime_type: Option<String>,
    /// Its size in bytes.
    pub file_size: Option<u64>,
    /// How long it plays, in seconds.
    pub duration: Option<u64>,
    /// A sticker's emoji.
    pub emoji: Option<String>,
    /// Whether it is a sticker in Lottie's format (`.tgs`).
    pub is_animated: bool,
    /// Whether it is a sticker that is a video (`.webm`).
    pub is_video: bool,
}

/// A point on the map, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the Bot API's own words")]
pub struct Location {
    pub latitude: f64,
    pub longitude: f64,
}

/// The files of a message, the more telling field of two first.
const FILES: [(&str, AttachmentKind); 8] = [
    ("photo", AttachmentKind::Photo),
    ("voice", AttachmentKind::Voice),
    ("video_note", AttachmentKind::VideoNote),
    ("animation", AttachmentKind::Animation),
    ("document", AttachmentKind::Document),
    ("video", AttachmentKind::Video),
    ("audio", AttachmentKind::Audio),
    ("sticker", AttachmentKind::Sticker),
];

/// What is known by its name alone. First what also has a photo or a location that could be taken for all of it.
const OTHERS: [&str; 12] =
    ["live_photo", "paid_media", "venue", "location", "contact", "poll", "checklist", "story", "rich_message", "dice", "game", "giveaway"];

impl Media {
    /// What a message carries, if anything. Lenient: what is there but cannot be read is [`Media::Other`], or a file that cannot be fetched.
    pub(super) fn read(message: &Value) -> Option<Self> {
        let file = FILES.iter().find_map(|(field, kind)| Some(Self::File(Attachment::read(*kind, part(message, field)?))));
        file.or_else(|| {
            let field = OTHERS.into_iter().find(|field| part(message, field).is_some())?;
            let object = part(message, field)?;
            let read = match field {
                "venue" => Self::venue(object),
                "location" => Location::read(object).map(Self::Location),
                "contact" => Self::contact(object),
                _ => None,
            };
            Some(read.unwrap_or(Self::Other(field)))
        })
    }

    fn venue(object: &Value) -> Option<Self> {
        let location = Location::read(part(object, "location")?)?;
        Some(Self::Venue { location, title: text(object, "title")?, address: text(object, "address")? })
    }

    fn contact(object: &Value) -> Option<Self> {
        let (phone_number, first_name) = (text(object, "phone_number")?, text(object, "first_name")?);
        Some(Self::Contact { phone_number, first_name, last_name: text(object, "last_name") })
    }
}

impl Attachment {
    /// A photo comes in several sizes, of which the largest is taken.
    fn read(kind: AttachmentKind, object: &Value) -> Self {
        let area = |size: &&Value| number(size, "width").unwrap_or(0).saturating_mul(number(size, "height").unwrap_or(0));
        let object = object.as_array().map_or(Some(object), |sizes| sizes.iter().max_by_key(area)).unwrap_or(&Value::Null);
        Self {
            kind,
            file_id: text(object, "file_id").unwrap_or_default(),
            file_unique_id: text(object, "file_unique_id").unwrap_or_default(),
            file_name: text(object, "file_name"),
            mime_type: text(object, "mime_type"),
            file_size: number(object, "file_size"),
            duration: number(object, "duration"),
            emoji: text(object, "emoji"),
            is_animated: flag(object, "is_animated"),
            is_video: flag(object, "is_video"),
        }
    }
}

impl Location {
    fn read(object: &Value) -> Option<Self> {
        let degrees = |field| part(object, field).and_then(Value::as_f64);
        Some(Self { latitude: degrees("latitude")?, longitude: degrees("longitude")? })
    }
}
