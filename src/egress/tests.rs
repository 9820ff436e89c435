use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::AsFd;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::config::{Sources, load};
use crate::model::UserId;

/// For what others do on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

fn config(allow: &str) -> Config {
    let environment = BTreeMap::from([("EGRESS_ALLOW".to_owned(), allow.to_owned()), ("AGENT_COMMAND".to_owned(), "/bin/true".to_owned())]);
    load(&Sources { environment, directory: "/nonexistent".into() }).unwrap().0
}

#[test]
fn the_warden_opens_and_closes_a_runtimes_way_out() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let config = config(&format!("localhost:{port}"));
        let (ours, theirs) = Link::pair().unwrap();
        let (ours, theirs) = (AsyncLink::new(ours).unwrap(), AsyncLink::new(Link::from_fd(theirs)).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let warden = async {
            let serve = ToEgress::Serve {
                runtime: RuntimeId(1),
                agent: config.default_agent.clone(),
                user: UserId::telegram(7),
                granted: Vec::new(),
            };
            ours.send(&serve, &[listener.as_fd()]).await.unwrap();
            drop(listener);
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
            ours.send(&ToEgress::Close { runtime: RuntimeId(1) }, &[]).await.unwrap();
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
            // A child of another test may have a copy of it until its exec.
            let closed = async { while TcpStream::connect(address).await.is_ok() {} };
            assert!(tokio::time::timeout(PATIENCE, closed).await.is_ok(), "the listener is still open");
            ours.send(&ToEgress::Stop, &[]).await.unwrap();
        };
        let egress = Server::new(&config, system_lookup(), Limits::DEFAULT).run(&theirs);
        let (ended, ()) = tokio::join!(egress, warden);
        ended.unwrap();
    });
}

#[test]
fn an_agent_without_settings_gets_no_way_out() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = config("localhost:1");
        let mut server = Server::new(&config, system_lookup(), Limits::DEFAULT);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let whose = Whose { runtime: RuntimeId(1), agent: "stranger".parse().unwrap(), user: UserId::telegram(7) };
        server.open(whose, Vec::new(), vec![listener.into()]);
        assert!(TcpStream::connect(address).await.is_err());
    });
}

#[test]
fn only_the_ports_of_the_rules_and_of_name_servers_can_be_connected_to() {
    let ports = grants(&config("localhost:8080,api.example.com")).connect_ports.unwrap();
    assert_eq!(ports, [53, 80, 443, 8080]);
}

#[test]
fn a_refused_host_is_told_once_and_reached_when_it_is_granted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = config("localhost:1");
        let (ours, theirs) = Link::pair().unwrap();
        let (ours, theirs) = (AsyncLink::new(ours).unwrap(), AsyncLink::new(Link::from_fd(theirs)).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = async || {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"CONNECT new.example:443 HTTP/1.1\r\n\r\n").await.unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).await.unwrap();
            String::from_utf8(answer.to_vec()).unwrap()
        };
        let target: Target = "new.example:443".parse().unwrap();
        let warden = async {
            let (agent, user) = (config.default_agent.clone(), UserId::telegram(7));
            ours.send(&ToEgress::Serve { runtime: RuntimeId(1), agent, user, granted: Vec::new() }, &[listener.as_fd()]).await.unwrap();
            assert_eq!([asked().await, asked().await], ["HTTP/1.1 403"; 2]);
            let told = ours.recv::<FromEgress>().await.unwrap().unwrap().0;
            assert_eq!(told, FromEgress::Refused { runtime: RuntimeId(1), target: target.clone(), grantable: true });
            ours.send(&ToEgress::Grant { runtime: RuntimeId(1), granted: vec![target.clone()] }, &[]).await.unwrap();
            // Now it is looked up, and the lookup of this test finds nothing.
            while asked().await != "HTTP/1.1 502" {}
            ours.send(&ToEgress::Grant { runtime: RuntimeId(1), granted: Vec::new() }, &[]).await.unwrap();
            while asked().await != "HTTP/1.1 403" {}
            ours.send(&ToEgress::Stop, &[]).await.unwrap();
        };
        let nothing: Lookup = Arc::new(|_, _| Err(io::Error::other("nothing is known")));
        let (ended, ()) = tokio::join!(Server::new(&config, nothing, Limits::DEFAULT).run(&theirs), warden);
        ended.unwrap();
    });
}
