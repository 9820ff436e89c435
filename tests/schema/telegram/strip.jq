# Keeps of the Bot API's description what a program can check, one line per method or type:
#     jq -rf strip.jq bot-api-10.3.json > bot-api.jsonl
# A field's `is` is the only text it may have; `min` and `max` bound its length in `unit`.
def matched(pattern): [.description | capture(pattern)] | first // {};

def field:
  matched("always '(?<is>[a-z_]+)'|must be (?<is2>[a-z_]+)\\.?$") as $literal
  | matched("(?<min>\\d+)-(?<max>\\d+) (?<unit>characters|[Bb]ytes)") as $length
  | {name, type, required}
  + (if .type == "String" and .required and ($literal.is // $literal.is2) then {is: ($literal.is // $literal.is2)} else {} end)
  + (if .type == "String" and $length.max
     then {min: ($length.min | tonumber), max: ($length.max | tonumber), unit: ($length.unit | ascii_downcase)} else {} end);

{version: .api.version, date: .api.release_date},
(.items[].children[]
  | {name}
  + (if .annotations == [] then {variants: [.description | scan("(?m)^\\s*-\\s*(\\w+)\\s*$")[0]]} else {} end)
  + {fields: [.annotations[] | field]})
| tojson
