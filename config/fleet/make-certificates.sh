#!/bin/bash
# make-certificates.sh DIRECTORY [CELL]...: what a trial of the fleet needs of secrets: an authority, the
# certificate of each NATS node (n1 to n3, and localhost), and a password for each role and cell, as bcrypt
# for the servers and in files of their own for the clients. A plant has an authority of its own.
set -euo pipefail
umask 077
if [ $# -lt 1 ]; then
    echo "usage: make-certificates.sh DIRECTORY [CELL]..." >&2
    exit 2
fi
directory=$1
shift
cells=("$@")
[ ${#cells[@]} -gt 0 ] || cells=(cell7)
days=30
mkdir -p "$directory"
cd "$directory"
if [ -e ca.key ]; then
    echo "make-certificates.sh: $directory has an authority already" >&2
    exit 1
fi

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days $days -subj "/CN=armwatch trial" \
    -keyout ca.key -out ca.crt 2>openssl.log
for node in n1 n2 n3; do
    mkdir -p $node
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$node" \
        -keyout $node/server.key -out $node/server.csr 2>>openssl.log
    # A node is the server of clients and, for the other nodes, a client.
    openssl x509 -req -in $node/server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days $days -out $node/server.crt \
        -extfile <(printf '%s\n' "subjectAltName=DNS:$node,DNS:localhost,IP:127.0.0.1${TRIAL_ADDRESSES:+,$TRIAL_ADDRESSES}" \
            "extendedKeyUsage=serverAuth,clientAuth") 2>>openssl.log
    rm $node/server.csr
    cp ca.crt $node/
done
rm -f openssl.log

# nats-server takes bcrypt for a password only where it begins with $2a$.
bcrypt() {
    salt=$(openssl rand -base64 24 | tr -dc 'A-Za-z0-9' | head -c 21)
    perl -e 'my ($password, $salt) = (<STDIN> =~ /^(\S+)/, @ARGV); print crypt($password, "\$2a\$10\$${salt}."), "\n"' "$salt"
}
for name in armwatch operator viewer system "${cells[@]}"; do
    openssl rand -hex 16 >"$name.password"
    printf '%s_PASSWORD: "%s"\n' "$(printf '%s' "$name" | tr '[:lower:]-' '[:upper:]_')" "$(bcrypt <"$name.password")"
done >passwords.conf
echo "$directory: authority, certificates of n1, n2, n3 for $days days, passwords of armwatch operator viewer system ${cells[*]}"
