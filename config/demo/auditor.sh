# Sourced by up.sh: an auditor who came in before, and asks for a role in the browser's stead. His request waits for whoever answers for
# his engagement.

# totp SEED STEP: the code of that step of 30 seconds (RFC 6238).
totp() {
  local key mac at
  key=$1======
  key=$(base32 -d <<<"${key:0:$(((${#1} + 7) / 8 * 8))}" | od -An -v -tx1 | tr -d ' \n')
  mac=$(printf '%016x' "$2" | sed 's/../\\x&/g' | xargs -0 printf '%b' | openssl dgst -sha1 -mac HMAC -macopt "hexkey:$key" | sed 's/.* //')
  at=$((2 * 0x${mac: -1}))
  printf '%06d' $(((0x${mac:at:8} & 0x7fffffff) % 1000000))
}

# portal PATH [CURL_OPTION...]: a page of the portal, in one browser.
portal() {
  local path=$1
  shift
  curl --silent --show-error --max-time 20 --cacert "$DEMO/slapd/ca.pem" --cookie "$DEMO/auditor.jar" --cookie-jar "$DEMO/auditor.jar" \
    --header "Origin: https://localhost:$HTTPS_PORT" --location "$@" "https://localhost:$HTTPS_PORT$path"
}

# hidden NAME: the value of that hidden field of the page on standard input.
hidden() {
  sed -n "s/.*<input type=\"hidden\" name=\"$1\" value=\"\([^\"]*\)\".*/\1/p" | head -n 1
}

# signs_in NEXT: the page behind the demo's second auditor's name and password.
signs_in() {
  local page
  page=$(portal "/login?next=$1")
  portal /login --data-urlencode "flow=$(hidden flow <<<"$page")" --data-urlencode "next=$1" \
    --data-urlencode "login=$DEMO_ASKER" --data-urlencode "password@$DEMO/asker.password"
}

# He signs in for the first time while he is nobody's auditor yet, and sets up a device that shows codes: people of an engagement are
# invited to, and the code of an invitation is for whoever answers for it to read out.
sets_up_a_device() {
  local page step
  openssl rand -hex 16 | tr -d '\n' >"$DEMO/asker.password"
  bailey user set-password "$DEMO_ASKER" --password-file "$DEMO/asker.password"
  page=$(signs_in /me/security/device)
  ASKER_SEED=$(sed -n 's/.*Type this key: <code>\([A-Z2-7 ]*\).*/\1/p' <<<"$page" | tr -d ' ')
  ASKER_STEP=$((EPOCHSECONDS / 30))
  step=$ASKER_STEP
  portal /me/security/device --data-urlencode "form=$(hidden form <<<"$page")" --data-urlencode "offer=$(hidden offer <<<"$page")" \
    --data-urlencode "first=$(totp "$ASKER_SEED" $((step - 1)))" --data-urlencode "second=$(totp "$ASKER_SEED" "$step")" >/dev/null
}

# asks_for ROLE REASON: he signs in as one of its people, whose earlier sessions count no more, and asks.
asks_for() {
  local page
  rm -f "$DEMO/auditor.jar"
  page=$(signs_in /me/grants)
  # The next code: a device may be a step ahead.
  portal /login/code --data-urlencode "flow=$(hidden flow <<<"$page")" --data-urlencode "half=$(hidden half <<<"$page")" \
    --data-urlencode "next=/me/grants" --data-urlencode "code=$(totp "$ASKER_SEED" $((ASKER_STEP + 1)))" >/dev/null
  page=$(portal /me/grants/new --get --data-urlencode "role=$1")
  page=$(portal /me/grants/new --data-urlencode "form=$(hidden form <<<"$page")" --data-urlencode "role=$1" \
    --data-urlencode "reason=$2" --data seconds=14400 --data start=first_use)
  rm -f "$DEMO/auditor.jar"
  [[ $page == *"waits for"* ]] || die "the demo's auditor could not ask; the last page was: $page"
}
