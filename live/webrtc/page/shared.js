'use strict';
// What all pages share: the token, WHIP and WHEP sessions that come back by themselves, and the words for what goes on.
const $ = id => document.getElementById(id);
const enhanced = $('enhanced');
const params = new URLSearchParams(location.hash.slice(1));
const tokenKey = 'vsr-token ' + location.pathname;
const token = params.get('token') || sessionStorage.getItem(tokenKey) || '';
if (params.get('token')) { sessionStorage.setItem(tokenKey, token); history.replaceState(null, '', location.pathname); }
const auth = () => ({ Authorization: 'Bearer ' + token });
const sleep = ms => new Promise(r => setTimeout(r, ms));
// nap is a sleep that wake() ends: whoever waits to try again is called as soon as the server answers again.
const naps = new Set();
const nap = ms => new Promise(r => { naps.add(r); setTimeout(() => { naps.delete(r); r(); }, ms); });
function wake() { for (const r of naps) r(); naps.clear(); }

// One object holds all that runs. `run` changes with every start, so that late callbacks can tell.
const live = { run: 0, up: null, down: null, camera: null, watching: false, status: null, decoded: 0, moved: 0 };
window.live = live; // for tests and for curious people in the console
// The page puts its own in: say shows a sentence, veil what stands over the video, show the numbers, end ends a run that cannot go on.
const ui = { say() {}, veil() {}, show() {}, end() {} };

const answers = {
  401: 'The token is missing or wrong. Open the address that vsr printed when it started.',
  403: 'This address does not allow that. Open the one that vsr printed when it started.',
  409: 'Somebody else is sending a camera already.',
  422: 'This browser and the server have no video format in common.',
  429: 'Too many attempts. Wait a few seconds.',
  503: 'The server has no room for another viewer.',
};
class Refused extends Error { constructor(status, retry) { super(answers[status] || 'The server answered ' + status + '.'); this.status = status; this.retry = retry; } }

// connection is a new peer connection, with the servers that the owner of this one has named.
const connection = () => new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: live.status && live.status.ice_servers || [] });

async function exchange(path, pc) {
  await pc.setLocalDescription(await pc.createOffer());
  if (pc.iceGatheringState !== 'complete') {
    await Promise.race([sleep(1000), new Promise(r => pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && r()))]);
  }
  const res = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/sdp', ...auth() }, body: pc.localDescription.sdp });
  if (res.status !== 201) throw new Refused(res.status, +res.headers.get('Retry-After') || 0);
  pc.run = live.status && live.status.run;
  pc.session = new URL(res.headers.get('Location'), res.url).href;
  await pc.setRemoteDescription({ type: 'answer', sdp: await res.text() });
}
// hangUp returns when the server has let go of the session, or after half a second: a publisher's place must be free
// before the same page takes it again.
async function hangUp(pc) {
  if (!pc) return;
  pc.close();
  if (!pc.session) return;
  const gone = fetch(pc.session, { method: 'DELETE', headers: auth(), keepalive: true }).catch(() => {});
  await Promise.race([gone, sleep(500)]);
}

// keep opens a connection and opens it again whenever it is dead. A browser notices a dead server only after seven seconds
// or so, so three other signs count: the transport was closed, the server does not know the session any more (it was started
// again), or `progress` stands still while the server says that frames flow. An answer that `final` takes ends it.
async function keep(run, open, progress, final) {
  let wait = 500;
  while (live.run === run) {
    try {
      const pc = await open();
      wait = 500;
      await watchdog(pc, run, progress);
    } catch (e) {
      if (live.run !== run) return;
      if ([401, 403, 422].includes(e.status)) { ui.end(e.message); return; }
      if (final && final(e)) return;
      if (e.status === 503 || e.status === 429) ui.say(e.message, true);
      await nap(e.retry ? e.retry * 1000 : wait);
      wait = Math.min(wait * 2, 4000);
    }
  }
}
// Milliseconds without progress: usually; before the first one; and while the server answers and the connection stands, so that only this machine
// or the line can be busy, and a new connection would be more work for it.
const patience = 1500, firstPatience = 6000, longPatience = 5000;
async function watchdog(pc, run, progress) {
  let last = -1, since = performance.now(), asked = since;
  while (live.run === run) {
    await nap(250);
    if (dead(pc) || live.status && live.status.run !== pc.run) return; // another run of the server knows nothing of us
    const n = await progress(pc), now = performance.now();
    const limit = n <= 0 ? firstPatience : live.status && pc.connectionState === 'connected' ? longPatience : patience;
    if (n !== last || !flowing()) { since = now; last = n; } else if (now - since > limit) return;
    if (now - asked > 1000) {
      asked = now;
      if (await forgotten(pc)) return;
    }
  }
}
// dead tells a closed or failed transport. connectionState alone would be seconds late.
const dead = pc => ['failed', 'closed'].includes(pc.connectionState) ||
  pc.getTransceivers().some(t => [t.sender.transport, t.receiver.transport].some(x => x && ['closed', 'failed'].includes(x.state)));
// flowing is false while the server itself has no frame to send: standing still is then nobody's fault here.
const flowing = () => !live.status || live.status.live;
async function forgotten(pc) {
  try { return (await fetch(pc.session, { headers: auth() })).status === 404; } catch { return false; }
}
// inbound reads the statistics of what comes in: frames so far, and for how long they wait here and travel, in seconds.
async function inbound(pc) {
  let frames = 0;
  (await pc.getStats()).forEach(s => {
    if (s.type === 'inbound-rtp' && s.kind === 'video') {
      const was = pc.last || {};
      frames = s.framesDecoded || 0;
      const n = (s.jitterBufferEmittedCount || 0) - (was.jitterBufferEmittedCount || 0);
      if (n > 0) live.waits = ((s.jitterBufferDelay || 0) - (was.jitterBufferDelay || 0)) / n;
      pc.last = s;
    } else if (s.type === 'candidate-pair' && s.nominated && s.currentRoundTripTime !== undefined) live.travels = s.currentRoundTripTime / 2;
  });
  return frames;
}

function watchFeed(run) {
  return keep(run, async () => {
    await hangUp(live.down);
    const pc = live.down = connection();
    live.decoded = 0;
    const t = pc.addTransceiver('video', { direction: 'recvonly' });
    if ('jitterBufferTarget' in t.receiver) t.receiver.jitterBufferTarget = 0;
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.ontrack = e => { const s = e.streams[0] || new MediaStream([e.track]); if (enhanced.srcObject !== s) { enhanced.srcObject = s; enhanced.play().catch(() => {}); } };
    await exchange('whep', pc);
    return pc;
  }, async pc => {
    const n = await inbound(pc);
    if (n !== live.decoded) { live.decoded = n; live.moved = performance.now(); }
    ui.veil();
    return n;
  });
}
// fresh tells whether the video moves.
const fresh = () => live.decoded > 0 && performance.now() - live.moved < patience;
// veilText says why there is no video, so that a frozen frame is never taken for a live one; '' when there is one.
function veilText(starting) {
  const s = live.status, p = s && s.pipeline || {};
  if (!s) return 'The server does not answer. Trying again…';
  if (p.state === 'lost') return 'The source is lost. It will be back here as soon as it answers.';
  if (fresh()) return '';
  return s.live ? 'Connecting…' : starting ? 'Starting…' : 'Nothing is live at the moment.';
}

async function status() {
  const res = await fetch('status', { headers: auth() });
  if (res.status !== 200) throw new Refused(res.status, 0);
  return live.status = await res.json();
}
async function poll(run) {
  let was = live.status;
  while (live.run === run) {
    try { const s = await status(); if (live.run === run) ui.show(s); } catch { live.status = null; }
    if (live.run !== run) return;
    ui.veil();
    const s = live.status;
    if (s && (!was || s.run !== was.run || s.live && !was.live)) wake(); // back, or with frames again: no use in waiting on
    was = s;
    await sleep(s && s.live ? 500 : 250);
  }
}
// modelWords names what enhances: "nano-x2 at 1/1.5" is one that is given a smaller image.
const modelWords = name => name.replace(/ at 1\/.*/, ', on a smaller image');
// lineWords is the one line about the video: "30 fps, 0.1 s behind, enhanced by fast-x2".
function lineWords() {
  const p = live.status && live.status.pipeline || {};
  if (p.state !== 'live') return '';
  const shown = live.down && live.down.last && live.down.last.framesPerSecond, fps = shown === undefined || shown === null ? p.fps_out : shown;
  const behind = live.latency !== undefined ? live.latency / 1000 : (p.age_ms || 0) / 1000 + (live.waits || 0) + (live.travels || 0);
  const how = p.enhance === false ? 'enhancement is off' : p.enhanced ? 'enhanced by ' + modelWords(p.model) : p.reason || 'not enhanced at the moment: this machine is busy';
  return Math.round(fps) + ' fps, ' + Math.max(behind, .05).toFixed(1) + ' s behind, ' + how;
}
// aspect makes the frame around the video fit it.
enhanced.addEventListener('resize', () => { if (enhanced.videoWidth) document.body.style.setProperty('--aspect', enhanced.videoWidth + ' / ' + enhanced.videoHeight); });
addEventListener('pagehide', () => { hangUp(live.up); hangUp(live.down); });
