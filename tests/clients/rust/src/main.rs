//! The stock Socket.IO client of Rust on a line of JSON: what it gets is printed, what it is told it does.
//!
//! client URL polling|websocket|upgrade
//! stdin: {"emit": [name, value]}; it ends when stdin does.

use std::io::{self, BufRead};

use rust_socketio::{ClientBuilder, Event, Payload, RawClient, TransportType};
use serde_json::{json, Value};

fn say(value: Value) {
    println!("{value}");
}

fn event(name: Event, payload: Payload) {
    let args = match payload {
        Payload::Text(values) => json!(values),
        other => json!([format!("{other:?}")]),
    };
    say(json!({"event": String::from(name), "args": args}));
}

fn main() {
    let argv: Vec<String> = std::env::args().collect();
    let transport = match argv[2].as_str() {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    };
    let client = ClientBuilder::new(argv[1].as_str())
        .transport_type(transport)
        .auth(json!({"recovery": false})) // it drops events with several arguments
        .reconnect_delay(200, 1000)
        .on(Event::Connect, |_, _: RawClient| say(json!({"connect": true})))
        .on(Event::Close, |_, _| say(json!({"disconnect": "close"})))
        .on(Event::Error, |error, _| say(json!({"error": format!("{error:?}")})))
        .on_any(|name, payload, _| event(name, payload))
        .connect()
        .expect("no connection");
    for line in io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line.expect("stdin")).expect("a line of JSON");
        let name = command["emit"][0].as_str().expect("the name of an event");
        if let Err(error) = client.emit(name, command["emit"][1].clone()) {
            say(json!({"error": error.to_string()}));
        }
    }
    std::process::exit(0);
}
