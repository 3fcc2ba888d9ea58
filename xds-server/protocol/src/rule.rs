//! The rules of the protocol, as names that events and transcripts can cite.

use std::fmt;

/// What decided: a rule of the xDS protocol, or a habit of istiod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The first request of a type on a stream is answered, whatever nonce it carries.
    FirstRequest,
    /// An ACK gets no answer.
    AckIsSilent,
    /// `error_detail` makes a NACK, not the version.
    NackByErrorDetail,
    /// A refused response is not sent again until something in it changes.
    NackIsSilent,
    /// Names that come with a NACK count.
    NackWithNames,
    /// Something that was refused has changed: it goes out, and after its ACK the rest of the refused response.
    NackRetry,
    /// What did not change is not sent.
    UnchangedIsSilent,
    /// SotW: a request with an old nonce is passed over, with its names.
    StaleNonceIgnored,
    /// Delta: a stale nonce does not void a change of the subscription.
    StaleNonceHonoured,
    /// No names, and never any: everything.
    LegacyWildcard,
    /// No names after names were sent: nothing.
    EmptyMeansNothing,
    /// `*` comes and goes apart from names.
    ExplicitWildcard,
    /// Clusters and listeners can be asked for by name.
    NamedSubscription,
    /// Newly named resources are sent, even if unchanged.
    NewNames,
    /// Delta: names that are already known are answered again.
    Resubscription,
    /// SotW: clusters and listeners always come as the complete set.
    CompleteSet,
    /// SotW: other types come in parts.
    OnlyWhatChanged,
    /// Delta: only what changed, and `removed_resources` for what is gone.
    Difference,
    /// Delta: a name without resource is told in `removed_resources`.
    MissingIsTold,
    /// Unsubscribing alone needs no answer.
    UnsubscribeIsSilent,
    /// Delta: a name given up under a wildcard is answered, as present or as removed.
    UnsubscribeUnderWildcard,
    /// Delta: what the client still holds from the stream before is not sent again.
    InitialVersions,
    /// Clusters are removed after everything else of a push.
    MakeBeforeBreak,
    /// Endpoints follow their changed clusters, changed or not.
    EndpointsAfterClusters,
    /// SotW: after clusters were sent, an endpoint request that looks like an ACK is answered.
    RepeatedRequest,
    /// istiod: the next endpoint request after a first cluster request is answered.
    AlwaysRespond,
    /// What expires is renewed by a heartbeat, which is no update.
    Heartbeat,
    /// istiod: what a push concerns is sent, changed or not.
    SentAsGenerated,
    /// istiod: a generator without anything to say sends no message.
    NothingGenerated,
}

impl Rule {
    /// Its number in this project's list of rules (`R5`); several habits can belong to one rule.
    pub fn number(self) -> &'static str {
        self.row().0
    }

    /// Where it is written: a section of Envoy's `xds_protocol` page, or istiod's function.
    pub fn source(self) -> &'static str {
        self.row().1
    }

    /// The rule in a few words.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    #[rustfmt::skip]
    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Rule::FirstRequest => ("R2", "xds_protocol#basic-protocol-overview", "first request of a type on this stream"),
            Rule::AckIsSilent => ("R5", "xds_protocol#when-to-send-an-update", "an ACK gets no answer"),
            Rule::NackByErrorDetail => ("R6", "xds_protocol#nack", "error_detail makes a NACK"),
            Rule::NackIsSilent => ("R7", "xds_protocol#when-to-send-an-update", "refused and unchanged"),
            Rule::NackWithNames => ("R8", "xds_protocol#ack-nack-and-resource-type-instance-version", "names of a NACK count"),
            Rule::NackRetry => ("R7", "xds_protocol#when-to-send-an-update", "the rest of a refused response"),
            Rule::UnchangedIsSilent => ("R9", "xds_protocol#when-to-send-an-update", "nothing changed"),
            Rule::StaleNonceIgnored => ("R10", "xds_protocol#resource-updates", "stale nonce"),
            Rule::StaleNonceHonoured => ("R11", "xds_protocol#incremental-xds", "stale nonce, names count"),
            Rule::LegacyWildcard => ("R12", "xds_protocol#how-the-client-specifies-what-resources-to-return", "no names: everything"),
            Rule::EmptyMeansNothing => ("R13", "xds_protocol#how-the-client-specifies-what-resources-to-return", "no names any more: nothing"),
            Rule::ExplicitWildcard => ("R14", "xds_protocol#how-the-client-specifies-what-resources-to-return", "*: everything"),
            Rule::NamedSubscription => ("R15", "xds_protocol#client-behavior", "asked for by name"),
            Rule::NewNames => ("R17", "xds_protocol#how-the-client-specifies-what-resources-to-return", "new names are sent"),
            Rule::Resubscription => ("R18", "xds_protocol#subscribing-to-resources", "known names are sent again"),
            Rule::CompleteSet => ("R19", "xds_protocol#grouping-resources-into-responses", "the complete set"),
            Rule::OnlyWhatChanged => ("R19", "xds_protocol#grouping-resources-into-responses", "what changed"),
            Rule::MissingIsTold => ("R21", "xds_protocol#knowing-when-a-requested-resource-does-not-exist", "does not exist"),
            Rule::UnsubscribeIsSilent => ("R23", "xds_protocol#unsubscribing-from-resources", "unsubscribing gets no answer"),
            Rule::UnsubscribeUnderWildcard => ("R24", "xds_protocol#unsubscribing-from-resources", "given up under a wildcard"),
            Rule::Difference => ("R25", "xds_protocol#grouping-resources-into-responses", "what changed and what is gone"),
            Rule::InitialVersions => ("R26", "xds_protocol#incremental-xds", "what the client does not hold yet"),
            Rule::MakeBeforeBreak => ("R30", "xds_protocol#eventual-consistency-considerations", "removals come last"),
            Rule::EndpointsAfterClusters => ("R31", "xds_protocol#resource-warming", "endpoints for clusters that warm"),
            Rule::RepeatedRequest => ("R31", "xds_protocol#resource-warming", "asked again while clusters warm"),
            Rule::AlwaysRespond => ("R31", "istiod: pilot/pkg/model/context.go WarmingDependencies", "asked again while clusters warm"),
            Rule::Heartbeat => ("R35", "xds_protocol#ttl", "a lifetime is renewed"),
            Rule::SentAsGenerated => ("R19", "istiod: pilot/pkg/xds/xdsgen.go pushXds", "sent as generated"),
            Rule::NothingGenerated => ("R29", "istiod: pilot/pkg/xds/xdsgen.go pushXds", "nothing generated"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.title())
    }
}
