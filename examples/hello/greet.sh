#!/bin/sh
# Greets whoever is named, the world otherwise.
echo "${GREETING:-Hello}, ${1:-world}!"
