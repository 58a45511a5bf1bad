# localec2.sh: sourced by the demos. It starts a local EC2, points packer and awscli at
# it, and installs the plugin into a directory of its own. The user's AWS account and
# Packer settings are neither used nor changed. $server is the process of localec2.
# shellcheck shell=bash

unset "${!AWS_@}" "${!PKR_@}"
export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export PACKER_CONFIG_DIR=$PWD/build/demo PACKER_PLUGIN_PATH=$PWD/build/demo/plugins CHECKPOINT_DISABLE=1
mkdir -p build/demo

exec 3< <(exec bin/localec2 -listen 127.0.0.1:0 2>build/demo/localec2.log)
server=$!
trap 'kill $server' EXIT
endpoint=
read -r -t 10 endpoint <&3 || true
if [[ $endpoint != AWS_ENDPOINT_URL=* ]]; then
  echo "localec2 did not start:" >&2
  cat build/demo/localec2.log >&2
  exit 1
fi
export "${endpoint?}"
echo "local EC2: $endpoint"

packer plugins install --path bin/packer-plugin-unikernel github.com/unikernel-ami/unikernel

aws() {
  command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"
}
