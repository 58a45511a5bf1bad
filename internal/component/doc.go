// Package component is what all components of the plugin share: the options that
// say how to reach AWS ([Access]), the artifact that stands for an AMI
// ([Artifact]), and the rules for handing it over.
//
// # Who owns an AMI
//
// A build owns what it has made until it hands it over. Packer's core decides
// what happens to an artifact after that: it calls Destroy on the artifact of a
// source if the first post-processor of every sequence failed or doesn't keep
// its input. It does so whatever the reason of the failure, and shows nothing of
// it: the connection to Packer's UI has ended by then, and the text of an error
// is lost on the way.
//
// So a post-processor of this plugin decides itself. It calls [Hold] on the
// artifact, after which the artifact's own Destroy does nothing, and then
// removes the AMI with [Artifact.Remove], or leaves it, and tells the user
// which. An artifact whose AMI was there before the build is never owned.
package component
