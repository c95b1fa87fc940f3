//! Whose a taken port is.

#[cfg_attr(target_os = "linux", path = "listener_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "listener_other.rs")]
mod system;

use std::net::SocketAddr;

/// A program that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listener {
    /// One of this user's.
    #[cfg_attr(
        not(any(target_os = "linux", test)),
        expect(dead_code, reason = "only Linux tells without a library")
    )]
    Program {
        /// Its name.
        name: String,
        pid: u32,
    },
    /// One of another user's, which only that user or the administrator can look at.
    #[cfg_attr(
        not(any(target_os = "linux", test)),
        expect(dead_code, reason = "only Linux tells without a library")
    )]
    OfUser(u32),
    /// The system does not say here; this command does.
    Ask(String),
}

/// Who listens on this address, or on all addresses with its port.
pub(super) fn on(address: SocketAddr) -> Listener {
    system::on(address).unwrap_or_else(|| Listener::Ask(system::question(address.port())))
}

impl Listener {
    /// What listens there, in words.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Program { name, pid } => format!("{name} (pid {pid})"),
            Self::OfUser(user) => format!("a program of the user with the id {user}"),
            Self::Ask(_) => "another program".to_owned(),
        }
    }

    /// What to do about it.
    pub(super) fn remedy(&self) -> String {
        let find = match self {
            Self::Program { .. } => String::new(),
            Self::OfUser(_) => "Its user can end it. ".to_owned(),
            Self::Ask(command) => format!("`{command}` says which. "),
        };
        format!(
            "{find}End it, or take another address with --listen, LOADMASTER_LISTEN or `listen` of the configuration."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_listener_comes_with_what_to_do() {
        let program = Listener::Program { name: "nginx".to_owned(), pid: 7 };
        assert_eq!(program.name(), "nginx (pid 7)");
        assert!(program.remedy().starts_with("End it, or take another address"));
        let other = Listener::OfUser(33);
        assert_eq!(other.name(), "a program of the user with the id 33");
        assert!(other.remedy().starts_with("Its user can end it. "));
        let unknown = Listener::Ask(system::question(8080));
        assert!(unknown.remedy().contains("8080"), "{}", unknown.remedy());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_very_program_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let Listener::Program { pid, .. } = on(listener.local_addr().unwrap()) else {
            panic!("it listens");
        };
        assert_eq!(pid, std::process::id());
        // One that listens on all addresses has this one too.
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(matches!(on(SocketAddr::from(([127, 0, 0, 1], port))), Listener::Program { .. }));
    }
}
