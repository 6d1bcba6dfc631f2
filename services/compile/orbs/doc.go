// SPDX-License-Identifier: MPL-2.0

// Package orbs is the registry of orbs (core.Orbs): namespaces, orbs, their
// released and dev versions, and orbs that are fetched from a URL.
//
// It owns the tables orbs_namespaces, orbs_names, orbs, orbs_categories,
// orbs_versions, orbs_published, orbs_prefixes, orbs_fetched and orbs_sources.
// configs asks it for what a config refers to, the gateway for people. It asks
// no other service; URL orbs come from servers that an organization has named.
//
// A source is kept once, under its SHA-256, however many versions hold it. Which
// orb has published which source is remembered longer than the version that
// pointed at it: a pipeline that was locked to a dev version gets the same source
// when that version has moved on or expired.
//
//	version ---> published ---> source        what an orb points at, and has
//	url fetched ------------------^           pointed at within keep_sources
//
// Whoever may not see a private orb gets the answer of an orb that is not there.
package orbs
