//! The calls: which method of which object does what.
//!
//! Deliberately not here: what happens in the air (`radio`).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use futures::StreamExt as _;
use tokio::task::JoinHandle;
use zbus::{
    Message, MessageStream,
    message::{Header, Type},
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use super::{
    Call, Inner,
    tree::{ADAPTER, CHARACTERISTIC, DESCRIPTOR, DEVICE, Interfaces, Properties},
    words::{self, Refusal},
};

/// What a call is answered with.
enum Answer {
    Nothing,
    Bytes(Vec<u8>),
    Text(String),
    One(Value<'static>),
    All(Properties),
    Objects(HashMap<OwnedObjectPath, Interfaces>),
    /// Not at all.
    Silence,
}

/// Answers every call that comes, each in its own time.
pub(super) fn listen(inner: &Arc<Inner>) -> JoinHandle<()> {
    let mut messages = MessageStream::from(&inner.bus);
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            if let Ok(message) = message
                && message.message_type() == Type::MethodCall
            {
                tokio::spawn(obey(Arc::clone(&inner), message));
            }
        }
    })
}

async fn obey(inner: Arc<Inner>, message: Message) {
    let header = message.header();
    let (member, path) = (header.member().map(ToString::to_string).unwrap_or_default(), header.path().map(ToString::to_string).unwrap_or_default());
    let is_deaf = inner.faults().deaf.contains(member.as_str());
    inner.calls().push(Call { member: member.clone(), path: path.clone(), at: Instant::now() });
    let answer = if is_deaf { Ok(Answer::Nothing) } else { inner.answer(&header, &member, &path, &message).await };
    if inner.faults().mute.contains(member.as_str()) {
        return;
    }
    let bus = &inner.bus;
    let _ = match answer {
        Ok(Answer::Nothing) => bus.reply(&header, &()).await,
        Ok(Answer::Bytes(bytes)) => bus.reply(&header, &bytes).await,
        Ok(Answer::Text(text)) => bus.reply(&header, &text).await,
        Ok(Answer::One(value)) => bus.reply(&header, &value).await,
        Ok(Answer::All(properties)) => bus.reply(&header, &properties).await,
        Ok(Answer::Objects(objects)) => bus.reply(&header, &objects).await,
        Ok(Answer::Silence) => Ok(()),
        Err(refusal) => bus.reply_error(&header, refusal.name.as_str(), &refusal.text).await,
    };
}

impl Inner {
    async fn answer(&self, header: &Header<'_>, member: &str, path: &str, message: &Message) -> Result<Answer, Refusal> {
        let interface = header.interface().map(ToString::to_string).unwrap_or_default();
        let body = message.body();
        let malformed = |_| Refusal { name: "org.freedesktop.DBus.Error.InvalidArgs".into(), text: "Invalid arguments in method call".into() };
        match (interface.as_str(), member) {
            ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects") => {
                let objects = self.state().objects().into_iter();
                Ok(Answer::Objects(objects.filter_map(|(path, interfaces)| Some((OwnedObjectPath::try_from(path).ok()?, interfaces))).collect()))
            }
            ("org.freedesktop.DBus.Introspectable", "Introspect") => self.introspect(path).map(Answer::Text),
            ("org.freedesktop.DBus.Properties", "GetAll") => {
                let of: String = body.deserialize().map_err(malformed)?;
                self.properties(path, &of, member).map(Answer::All)
            }
            ("org.freedesktop.DBus.Properties", "Get") => {
                let (of, name): (String, String) = body.deserialize().map_err(malformed)?;
                let mut all = self.properties(path, &of, member)?;
                all.remove(name.as_str()).map(Answer::One).ok_or_else(|| words::unknown_method(&name))
            }
            ("org.freedesktop.DBus.Properties", "Set") => {
                let (_, name, value): (String, String, OwnedValue) = body.deserialize().map_err(malformed)?;
                let adapter = path.trim_start_matches("/org/bluez/").to_owned();
                match (name.as_str(), bool::try_from(value)) {
                    ("Powered", Ok(on)) if self.state().adapters.contains_key(&adapter) => self.power(&adapter, on).await,
                    _ => return Err(words::unknown_object(member)),
                }
                Ok(Answer::Nothing)
            }
            (ADAPTER, _) => self.of_adapter(header, member, path, message).await,
            (DEVICE, _) => self.of_device(member, path).await,
            (CHARACTERISTIC, _) => self.of_characteristic(member, path, message).await,
            (DESCRIPTOR, "ReadValue") => {
                let state = self.state();
                let at = state.remote_at(path).and_then(|(device, number)| state.remotes.get(&device)?.layout.get(number?)?.name.clone());
                at.map(|name| Answer::Bytes(name.into_bytes())).ok_or_else(|| words::unknown_object(member))
            }
            _ => Err(words::unknown_method(member)),
        }
    }

    fn properties(&self, path: &str, interface: &str, member: &str) -> Result<Properties, Refusal> {
        let mut objects = self.state().objects();
        let interfaces = objects.get_mut(path).ok_or_else(|| words::unknown_object(member))?;
        interfaces.remove(interface).ok_or_else(|| words::unknown_object(member))
    }

    /// The children of an object, which is what clients read of it.
    fn introspect(&self, path: &str) -> Result<String, Refusal> {
        let objects: BTreeMap<_, _> = self.state().objects();
        if !objects.contains_key(path) {
            return Err(words::unknown_object("Introspect"));
        }
        let within = format!("{path}/");
        let children = objects.keys().filter_map(|object| object.strip_prefix(&within)).filter(|child| !child.contains('/'));
        let nodes: String = children.map(|child| format!("<node name=\"{child}\"/>")).collect();
        let interfaces: String = objects[path].keys().map(|name| format!("<interface name=\"{name}\"></interface>")).collect();
        Ok(format!("<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>{interfaces}{nodes}</node>"))
    }

    async fn of_adapter(&self, header: &Header<'_>, member: &str, path: &str, message: &Message) -> Result<Answer, Refusal> {
        let name = path.trim_start_matches("/org/bluez/").to_owned();
        let client = header.sender().map(ToString::to_string).unwrap_or_default();
        if !self.state().adapters.contains_key(&name) {
            return Err(words::unknown_object(member));
        }
        match member {
            "SetDiscoveryFilter" => return Ok(Answer::Nothing),
            "RemoveDevice" => {
                let device: OwnedObjectPath = message.body().deserialize().map_err(|_| words::failed("Invalid arguments"))?;
                self.hang_up(device.as_str()).await;
                let removed = {
                    let mut state = self.state();
                    let removed = state.remotes.remove(device.as_str());
                    if let Some(removed) = &removed {
                        state.stale.remove(&removed.address);
                    }
                    removed
                };
                removed.ok_or_else(|| Refusal { name: "org.bluez.Error.DoesNotExist".into(), text: "Does Not Exist".into() })?;
                self.tell_removed(device.as_str(), &[DEVICE]).await;
                return Ok(Answer::Nothing);
            }
            "StartDiscovery" | "StopDiscovery" => {}
            _ => return Err(words::unknown_method(member)),
        }
        let (was, is) = {
            let mut state = self.state();
            let Some(adapter) = state.adapters.get_mut(&name).filter(|adapter| adapter.powered) else { return Err(words::not_ready()) };
            let was = !adapter.scanning.is_empty();
            if member == "StartDiscovery" && !adapter.scanning.insert(client.clone()) {
                return Err(words::in_progress());
            }
            if member == "StopDiscovery" && !adapter.scanning.remove(&client) {
                return Err(words::failed("No discovery started"));
            }
            (was, !adapter.scanning.is_empty())
        };
        if was != is {
            self.tell_changed(path, ADAPTER, Properties::from([("Discovering", Value::from(is))]), &[]).await;
        }
        if !is {
            self.forget_strengths(&name).await;
        }
        Ok(Answer::Nothing)
    }

    async fn of_device(&self, member: &str, path: &str) -> Result<Answer, Refusal> {
        if !self.state().remotes.contains_key(path) {
            return Err(words::unknown_object(member));
        }
        match member {
            "Connect" => self.open(path).await?,
            "Disconnect" => self.hang_up(path).await,
            _ => return Err(words::unknown_method(member)),
        }
        Ok(Answer::Nothing)
    }

    async fn of_characteristic(&self, member: &str, path: &str, message: &Message) -> Result<Answer, Refusal> {
        let Some((device, Some(number))) = self.state().remote_at(path) else { return Err(words::unknown_object(member)) };
        match member {
            "ReadValue" => {
                let Some(read) = self.operate(&device, number, None).await else { return Ok(Answer::Silence) };
                let value = read?;
                // As BlueZ does it: who reads is told the value as if it had been notified, too.
                self.tell_changed(path, CHARACTERISTIC, Properties::from([("Value", Value::from(value.clone()))]), &[]).await;
                Ok(Answer::Bytes(value))
            }
            "WriteValue" => {
                let (value, options): (Vec<u8>, HashMap<String, OwnedValue>) = message.body().deserialize().map_err(|_| words::failed("Invalid arguments"))?;
                let with_response = options.get("type").is_some_and(|kind| **kind == Value::from("request"));
                if !with_response {
                    return Err(words::att(0x06));
                }
                Ok(self.operate(&device, number, Some(value)).await.map_or(Ok(Answer::Silence), |written| written.map(|_| Answer::Nothing))?)
            }
            "StartNotify" | "StopNotify" => {
                let mut state = self.state();
                let characteristic = state.remotes.get_mut(&device).and_then(|remote| remote.layout.get_mut(number)).ok_or_else(words::not_connected)?;
                if !characteristic.flags.iter().any(|flag| flag == "notify" || flag == "indicate") {
                    return Err(words::att(0x06));
                }
                characteristic.notifying = member == "StartNotify";
                Ok(Answer::Nothing)
            }
            _ => Err(words::unknown_method(member)),
        }
    }
}
