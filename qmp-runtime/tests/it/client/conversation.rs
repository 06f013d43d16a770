//! Which answer is whose, without any I/O.

use std::time::Duration;

use qmp_runtime::client::{Client, ClientError, Conversation, Incoming, RawEvent, Request};
use qmp_runtime::json::Value;
use serde_json::json;

use super::{event, greeting, no_arguments};
use crate::toy::commands;

/// What came out of a conversation.
#[derive(Debug, PartialEq)]
enum Seen {
    Ready,
    Reply(&'static str, Result<Value, String>),
    Event(RawEvent),
}

fn seen(incoming: Incoming<&'static str>) -> Seen {
    match incoming {
        Incoming::Ready => Seen::Ready,
        Incoming::Event { event, .. } => Seen::Event(event),
        Incoming::Reply { waiter, result } => Seen::Reply(
            waiter,
            result
                .and_then(|reply| reply.decode())
                .map_err(|error| error.to_string()),
        ),
    }
}

fn receive(
    conversation: &mut Conversation<&'static str>,
    text: impl AsRef<[u8]>,
) -> Result<Vec<Seen>, ClientError> {
    let mut input = text.as_ref();
    let mut all = Vec::new();
    while let Some(incoming) = conversation.receive(&mut input)? {
        all.push(seen(incoming));
    }
    Ok(all)
}

/// What the conversation wants to send, as JSON values.
fn sent(conversation: &mut Conversation<&'static str>) -> Vec<Value> {
    let bytes = conversation.transmit().0.to_vec();
    conversation.transmitted(bytes.len());
    let text = String::from_utf8(bytes.into_iter().filter(|&byte| byte != 0xFF).collect()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ready(capabilities: &str) -> Conversation<&'static str> {
    let mut conversation = Conversation::new(&Client::builder());
    assert!(
        receive(&mut conversation, greeting(capabilities))
            .unwrap()
            .is_empty()
    );
    let request = sent(&mut conversation).remove(0);
    assert_eq!(request["execute"], "qmp_capabilities");
    let answer = receive(
        &mut conversation,
        json!({"return": {}, "id": request["id"]}).to_string(),
    );
    assert_eq!(answer.unwrap(), [Seen::Ready]);
    conversation
}

/// Submits commands; their ids on the wire.
fn submit(
    conversation: &mut Conversation<&'static str>,
    names: impl IntoIterator<Item = &'static str>,
) -> Vec<Value> {
    for name in names {
        let request = Request::value("query-status", &no_arguments());
        conversation.submit(request, name).unwrap();
    }
    sent(conversation)
        .iter()
        .map(|request| request["id"].clone())
        .collect()
}

fn reply(id: &Value, result: &str) -> String {
    format!("{{\"return\": {result}, \"id\": {id}}}")
}

fn ok(waiter: &'static str, value: Value) -> Seen {
    Seen::Reply(waiter, Ok(value))
}

#[test]
fn replies_in_any_order_go_to_their_calls() {
    let mut conversation = ready("[]");
    let ids = submit(&mut conversation, ["a", "b", "c"]);
    let text = reply(&ids[2], "3") + &reply(&ids[0], "1") + &reply(&ids[1], "2");
    let expected = [ok("c", json!(3)), ok("a", json!(1)), ok("b", json!(2))];
    assert_eq!(receive(&mut conversation, text).unwrap(), expected);
    assert_eq!(conversation.unanswered(), 0);
}

#[test]
fn replies_without_id_go_to_the_oldest_call() {
    let mut conversation = ready("[]");
    submit(&mut conversation, ["a", "b"]);
    let text = r#"{"return": 1}{"error": {"class": "DeviceNotFound", "desc": "no"}}{"return": 3}"#;
    let expected = [
        ok("a", json!(1)),
        Seen::Reply("b", Err("DeviceNotFound: no".into())),
    ];
    assert_eq!(receive(&mut conversation, text).unwrap(), expected);
}

#[test]
fn what_nobody_asked_for_is_passed_over() {
    let mut conversation = ready("[]");
    let ids = submit(&mut conversation, ["a"]);
    let text = r#"{"return": 1, "id": 4711} {"return": 1, "id": "libvirt-1"} {"return": 1, "id": -1}
        {"return": 1, "id": 1e400} {"note": "new in 12.0"} {"note": "with an id", "id": null} [] 17 true "x" {} null "#;
    assert_eq!(receive(&mut conversation, text).unwrap(), []);
    let text = reply(&ids[0], "{}");
    assert_eq!(
        receive(&mut conversation, text).unwrap(),
        [ok("a", json!({}))]
    );
}

#[test]
fn reply_of_a_new_form_fails_its_call_alone() {
    let mut conversation = ready("[]");
    let ids = submit(&mut conversation, ["a", "b"]);
    let text = format!(
        "{{\"later\": true, \"id\": {}}}{}",
        ids[0],
        reply(&ids[1], "2")
    );
    let seen = receive(&mut conversation, text).unwrap();
    assert!(
        matches!(&seen[0], Seen::Reply("a", Err(error)) if error.contains("neither")),
        "{seen:?}"
    );
    assert_eq!(seen[1], ok("b", json!(2)));
}

#[test]
fn reply_to_a_call_that_was_given_up_is_dropped() {
    let mut conversation = ready("[]");
    let request = Request::value("query-status", &no_arguments());
    let call = conversation.submit(request, "a").unwrap();
    let id = sent(&mut conversation)[0]["id"].clone();
    conversation.give_up(call);
    let others = submit(&mut conversation, ["b"]);
    let text = reply(&id, "1") + &reply(&others[0], "2");
    assert_eq!(
        receive(&mut conversation, text).unwrap(),
        [ok("b", json!(2))]
    );
    conversation.give_up(call);
    assert_eq!(conversation.unanswered(), 0);
}

#[test]
fn calls_that_were_given_up_and_never_answered_take_no_memory() {
    let mut conversation = ready("[]");
    for _ in 0..1000 {
        let request = Request::value("query-status", &no_arguments());
        let call = conversation.submit(request, "lost").unwrap();
        conversation.give_up(call);
        sent(&mut conversation);
    }
    let ids = submit(&mut conversation, ["a"]);
    receive(&mut conversation, reply(&ids[0], "1")).unwrap();
    assert_eq!(conversation.unanswered(), 0);
}

#[test]
fn events_come_in_their_place_with_what_they_carry() {
    let mut conversation = ready("[]");
    let ids = submit(&mut conversation, ["a"]);
    let text = event("STOP")
        + &reply(&ids[0], "{}")
        + r#"{"event": "NEW_IN_12", "data": {"x": [1, null]}, "timestamp": {"seconds": -1, "microseconds": -1}}"#
        + r#"{"event": "FAR", "timestamp": {"seconds": 18446744073709551615, "microseconds": 18446744073709551615}}"#;
    let seen = receive(&mut conversation, text).unwrap();
    let [
        Seen::Event(stop),
        Seen::Reply("a", Ok(_)),
        Seen::Event(new),
        Seen::Event(far),
    ] = &seen[..]
    else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (stop.name.as_str(), stop.timestamp),
        ("STOP", Some(Duration::from_micros(1_000_002)))
    );
    assert_eq!((new.name.as_str(), new.timestamp), ("NEW_IN_12", None));
    assert_eq!(new.data::<Value>().unwrap(), json!({"x": [1, null]}));
    assert_eq!(far.timestamp, None, "no time that can be said");
    let (data, empty) = (far.data::<Value>().unwrap(), far.data::<()>());
    assert!(!far.has_data() && data == json!({}) && empty.is_ok());
}

#[test]
fn event_with_number_beyond_double_loses_no_more_than_that() {
    let text = r#"{"event": "VAST", "data": {"size": 1e999, "near": 1}}"#;
    let seen = receive(&mut ready("[]"), text).unwrap();
    let [Seen::Event(event)] = &seen[..] else {
        panic!("{seen:?}");
    };
    let error = event.data::<Value>().unwrap_err();
    assert!(error.desc().contains("number"), "{error}");
    assert_eq!((event.name.as_str(), event.has_data()), ("VAST", true));
}

#[test]
fn out_of_band_is_enabled_where_it_is_offered_and_wanted() {
    let asked = |options, capabilities: &str| {
        let mut conversation = Conversation::<&str>::new(&options);
        receive(&mut conversation, greeting(capabilities)).unwrap();
        sent(&mut conversation)[0]["arguments"].clone()
    };
    assert_eq!(
        asked(Client::builder(), r#"["new", "oob"]"#),
        json!({"enable": ["oob"]})
    );
    assert_eq!(asked(Client::builder().oob(false), r#"["oob"]"#), json!({}));
    assert_eq!(asked(Client::builder(), "[]"), json!({}));
    let mut without = ready("[]");
    let refused = without.submit(Request::out_of_band(&commands::StopNow {}), "a");
    assert!(matches!(refused, Err(ClientError::Unsupported(_))));
    let mut with = ready(r#"["oob"]"#);
    with.submit(Request::out_of_band(&commands::StopNow {}), "a")
        .unwrap();
    assert_eq!(sent(&mut with)[0]["exec-oob"], "stop-now");
}

#[test]
fn capability_that_is_offered_and_refused_is_done_without() {
    let mut conversation = Conversation::<&str>::new(&Client::builder());
    receive(&mut conversation, greeting(r#"["oob"]"#)).unwrap();
    let id = sent(&mut conversation)[0]["id"].clone();
    let refusal = format!(r#"{{"error": {{"class": "GenericError", "desc": "no"}}, "id": {id}}}"#);
    assert!(receive(&mut conversation, refusal).unwrap().is_empty());
    let again = sent(&mut conversation).remove(0);
    assert_eq!(again["arguments"], json!({}));
    let text = reply(&again["id"], "{}");
    assert_eq!(receive(&mut conversation, text).unwrap(), [Seen::Ready]);
    assert!(!conversation.has_oob());
}

#[test]
fn refusal_to_negotiate_is_told() {
    let mut conversation = Conversation::<&str>::new(&Client::builder());
    receive(&mut conversation, greeting("[]")).unwrap();
    let id = sent(&mut conversation)[0]["id"].clone();
    let refusal = format!(r#"{{"error": {{"class": "GenericError", "desc": "no"}}, "id": {id}}}"#);
    let error = receive(&mut conversation, refusal).unwrap_err();
    assert_eq!(error.to_string(), "GenericError: no");
}

#[test]
fn out_of_band_reply_overtakes() {
    let mut conversation = ready(r#"["oob"]"#);
    let first = submit(&mut conversation, ["slow"]);
    conversation
        .submit(Request::out_of_band(&commands::StopNow {}), "fast")
        .unwrap();
    let second = sent(&mut conversation)[0]["id"].clone();
    let text = reply(&second, "{}") + &reply(&first[0], "1");
    let expected = [ok("fast", json!({})), ok("slow", json!(1))];
    assert_eq!(receive(&mut conversation, text).unwrap(), expected);
}

#[test]
fn silent_command_succeeds_when_something_later_is_answered() {
    let mut conversation = ready("[]");
    let silent = || Request::value("guest-shutdown", &no_arguments()).without_answer();
    conversation.submit(silent(), "off").unwrap();
    let requests = sent(&mut conversation);
    assert_eq!(
        requests.len(),
        2,
        "something is asked behind it: {requests:?}"
    );
    let answer = reply(&requests[1]["id"], "{}");
    assert_eq!(
        receive(&mut conversation, answer).unwrap(),
        [ok("off", json!({}))]
    );
    conversation.submit(silent(), "refused").unwrap();
    let requests = sent(&mut conversation);
    let refusal = format!(
        r#"{{"error": {{"class": "GenericError", "desc": "no"}}, "id": {}}}"#,
        requests[0]["id"]
    );
    let expected = [Seen::Reply("refused", Err("GenericError: no".into()))];
    assert_eq!(receive(&mut conversation, refusal).unwrap(), expected);
    conversation.submit(silent(), "gone").unwrap();
    submit(&mut conversation, ["cut off"]);
    conversation.hang_up(&ClientError::Closed);
    let left: Vec<Seen> = std::iter::from_fn(|| conversation.leftover())
        .map(seen)
        .collect();
    assert_eq!(
        left,
        [
            ok("gone", json!({})),
            Seen::Reply("cut off", Err("the server hung up".into()))
        ]
    );
}

#[test]
fn what_is_no_qmp_ends_the_conversation_with_its_cause() {
    let cases = [
        (greeting("[]") + "{]", "JSON parse error"),
        (greeting("[]") + "\u{1}", "stray"),
        ("HTTP/1.1 400 Bad Request".into(), "stray 'H'"),
        ("{\"return\": {}}".into(), r#"but says {"return": {}}"#),
    ];
    for (text, cause) in cases {
        let mut conversation = Conversation::<&str>::new(&Client::builder());
        let result = receive(&mut conversation, &text);
        let error = result.expect_err(&text);
        assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
        assert!(error.to_string().contains(cause), "{error}");
    }
}

#[test]
fn second_greeting_is_passed_over_until_negotiation_is_done() {
    let mut conversation = Conversation::<&str>::new(&Client::builder());
    let twice = greeting("[]") + &greeting("[]");
    assert_eq!(receive(&mut conversation, twice).unwrap(), []);
    let requests = sent(&mut conversation);
    assert_eq!(requests.len(), 1, "it negotiates once: {requests:?}");
    let answer = reply(&requests[0]["id"], "{}");
    assert_eq!(receive(&mut conversation, answer).unwrap(), [Seen::Ready]);
    let error = receive(&mut conversation, greeting("[]")).unwrap_err();
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
    assert!(error.to_string().contains("restarted"), "{error}");
}

#[test]
fn event_in_front_of_the_greeting_is_an_event() {
    let mut conversation = Conversation::<&str>::new(&Client::builder());
    let text = r#"{"event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 2}}"#.to_owned()
        + &greeting("[]");
    let found = receive(&mut conversation, text).unwrap();
    assert!(matches!(&found[..], [Seen::Event(_)]), "{found:?}");
    let id = sent(&mut conversation)[0]["id"].clone();
    let found = receive(&mut conversation, reply(&id, "{}")).unwrap();
    assert_eq!(found, [Seen::Ready]);
}

#[test]
fn greeting_of_another_form_is_a_greeting_still() {
    let mut conversation = Conversation::<&str>::new(&Client::builder());
    receive(
        &mut conversation,
        r#"{"QMP": {"version": "12.0", "capabilities": [7, "oob"]}}"#,
    )
    .unwrap();
    assert_eq!(conversation.greeting().capabilities, ["oob"]);
}

#[test]
fn message_beyond_the_limit_is_refused_and_one_within_is_not() {
    let mut conversation = Conversation::<&str>::new(&Client::builder().max_message(1000));
    receive(&mut conversation, greeting("[]")).unwrap();
    let id = sent(&mut conversation)[0]["id"].clone();
    receive(&mut conversation, reply(&id, "{}")).unwrap();
    let ids = submit(&mut conversation, ["a", "b"]);
    let fits = format!("\"{}\"", "x".repeat(900));
    assert_eq!(
        receive(&mut conversation, reply(&ids[0], &fits))
            .unwrap()
            .len(),
        1
    );
    for chunk in reply(&ids[1], &format!("\"{}\"", "x".repeat(1100)))
        .as_bytes()
        .chunks(100)
    {
        if let Err(error) = receive(&mut conversation, chunk) {
            assert!(
                matches!(error, ClientError::TooLarge { limit: 1000 }),
                "{error:?}"
            );
            assert!(error.to_string().contains("max_message"));
            return;
        }
    }
    panic!("it was taken");
}

#[test]
fn nothing_can_be_sent_before_the_greeting() {
    let mut conversation = Conversation::new(&Client::builder());
    let request = Request::value("stop", &no_arguments());
    assert!(matches!(
        conversation.submit(request, "a"),
        Err(ClientError::Unsupported(_))
    ));
    assert!(!conversation.has_output());
}

/// An agent that is slow to come finds the request to start anew several times, and complains of the delimiter in
/// front of each.
#[test]
fn complaints_of_delimiters_are_no_answers_to_commands() {
    let complaint =
        r#"{"error": {"class": "GenericError", "desc": "JSON parse error, stray '?'"}}"#;
    let mut conversation = Conversation::new(&Client::builder().agent());
    let mut ids = Vec::new();
    for _ in 0..3 {
        conversation.start_anew();
        let [request] = &sent(&mut conversation)[..] else {
            panic!("one request")
        };
        ids.push(request["arguments"]["id"].to_string());
    }
    let answer = |id: &str| [&b"\xff"[..], format!("{{\"return\": {id}}}\n").as_bytes()].concat();
    let first = [complaint.as_bytes(), &answer(&ids[0])].concat();
    assert_eq!(receive(&mut conversation, first).unwrap(), [Seen::Ready]);
    for waiter in ["ping", "pong"] {
        let request = Request::value("guest-ping", &no_arguments());
        conversation.submit(request, waiter).unwrap();
    }
    // the last request to start anew is lost
    let rest = [complaint.as_bytes(), &answer(&ids[1]), complaint.as_bytes()].concat();
    assert_eq!(receive(&mut conversation, rest).unwrap(), []);
    let pong =
        r#"{"return": {}}{"error": {"class": "GenericError", "desc": "JSON parse error, mine"}}"#;
    let [Seen::Reply("ping", Ok(_)), Seen::Reply("pong", Err(error))] =
        &receive(&mut conversation, pong).unwrap()[..]
    else {
        panic!("two replies")
    };
    assert!(error.ends_with("mine"), "{error}");
}
