//! Answers of the Query API as XML.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::query::{Content, Node, QueryError};

/// What every answer says of the request.
pub(super) struct Sign<'a> {
    /// The namespace of the service's version.
    pub(super) namespace: &'static str,
    /// Names the request in logs and answers.
    pub(super) request_id: &'a str,
}

/// A result, in the wrappers that SDKs look for by name (`{Action}Response`, `{Action}Result`).
pub(super) fn answer(action: &str, result: &[Node], sign: &Sign<'_>) -> Vec<u8> {
    let mut xml = Xml::begun(&format!("{action}Response"), sign.namespace);
    xml.open(&format!("{action}Result"));
    xml.nodes(result);
    xml.close(&format!("{action}Result"));
    xml.open("ResponseMetadata");
    xml.text("RequestId", sign.request_id);
    xml.close("ResponseMetadata");
    xml.end(&format!("{action}Response"))
}

/// An error.
pub(super) fn error(error: &QueryError, sign: &Sign<'_>) -> Vec<u8> {
    let mut xml = Xml::begun("ErrorResponse", sign.namespace);
    xml.open("Error");
    xml.text("Type", if error.status < 500 { "Sender" } else { "Receiver" });
    xml.text("Code", error.code);
    xml.text("Message", &error.message);
    xml.close("Error");
    xml.text("RequestId", sign.request_id);
    xml.end("ErrorResponse")
}

struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn begun(root: &str, namespace: &str) -> Self {
        let mut xml = Self(Writer::new(Vec::new()));
        xml.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        let mut start = BytesStart::new(root);
        start.push_attribute(("xmlns", namespace));
        xml.write(Event::Start(start));
        xml
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match &node.content {
                Content::Text(text) => self.text(node.name, text),
                Content::Nodes(nodes) => {
                    self.open(node.name);
                    self.nodes(nodes);
                    self.close(node.name);
                }
            }
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        // What XML 1.0 cannot say at all (section 2.2) is shown as what it is not.
        let sayable = |c: char| matches!(c, '\t' | '\n' | '\r') || !c.is_control();
        let text: String = text.chars().map(|c| if sayable(c) { c } else { '\u{fffd}' }).collect();
        self.write(Event::Text(BytesText::new(&text)));
        self.close(name);
    }

    fn open(&mut self, name: &str) {
        self.write(Event::Start(BytesStart::new(name)));
    }

    fn close(&mut self, name: &str) {
        self.write(Event::End(BytesEnd::new(name)));
    }

    fn end(mut self, root: &str) -> Vec<u8> {
        self.close(root);
        self.0.into_inner()
    }

    fn write(&mut self, event: Event<'_>) {
        // Writing to memory cannot fail.
        let _ = self.0.write_event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::answer::{list, text, texts};

    const SIGN: Sign<'_> = Sign { namespace: "https://iam.amazonaws.com/doc/2010-05-08/", request_id: "id" };

    #[test]
    fn an_answer_has_the_wrappers_that_sdks_look_for() {
        let result = [text("A", "<&>\u{1}"), list("Users", [vec![text("UserName", "ann")]]), texts("None", [""; 0])];
        let xml = String::from_utf8(answer("ListUsers", &result, &SIGN)).unwrap();
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <ListUsersResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListUsersResult>\
             <A>&lt;&amp;&gt;\u{fffd}</A><Users><member><UserName>ann</UserName></member></Users><None></None>\
             </ListUsersResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListUsersResponse>"
        );
    }

    #[test]
    fn an_error_says_whose_fault_it_is() {
        let of = |status| String::from_utf8(error(&QueryError::new(status, "Code", "why"), &SIGN)).unwrap();
        assert!(of(404).contains("<Error><Type>Sender</Type><Code>Code</Code><Message>why</Message></Error>"));
        assert!(of(503).contains("<Type>Receiver</Type>"));
    }
}
