// Opens the page of vsr live in a real Firefox and prints what it saw as one line of JSON.
//
//   node firefox.mjs FIREFOX ADDRESS FOLDER SECONDS
//
// ADDRESS is what vsr printed, with the token. Firefox gets a fresh profile whose only changes are a camera that it draws itself and
// leave to use it; codecs and ICE are as shipped. One tab publishes and watches, another one watches, for SECONDS. Screenshots go to FOLDER.
// cmd/vsr/live_browser_test.go runs it. The protocol is WebDriver BiDi.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';

const [executable, address, folder, seconds] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'vsr-firefox-'));
const prefs = {
  'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true,
  'browser.shell.checkDefaultBrowser': false, 'datareporting.policy.dataSubmissionEnabled': false, 'app.update.enabled': false,
  'browser.startup.page': 0, 'toolkit.telemetry.reportingpolicy.firstRun': false, 'network.captive-portal-service.enabled': false,
};
writeFileSync(join(profile, 'user.js'), Object.entries(prefs).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});\n`).join(''));
const firefox = spawn(executable, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
const sleep = ms => new Promise(r => setTimeout(r, ms));

// endpoint is the address that Firefox prints when it listens.
const endpoint = await new Promise((found, failed) => {
  let text = '';
  firefox.stderr.on('data', d => {
    text += d;
    const m = text.match(/WebDriver BiDi listening on (ws:\S+)/);
    if (m) found(m[1]);
  });
  firefox.on('exit', code => failed(new Error(`firefox ended with ${code}: ${text.slice(-500)}`)));
});
const socket = new WebSocket(endpoint + '/session', { perMessageDeflate: false });
await new Promise((open, failed) => { socket.on('open', open); socket.on('error', failed); });
let number = 0;
const waiting = new Map();
socket.on('message', data => {
  const m = JSON.parse(data), w = waiting.get(m.id);
  if (!w) return;
  waiting.delete(m.id);
  m.type === 'error' ? w.failed(new Error(m.error + ': ' + m.message)) : w.done(m.result);
});
const send = (method, params) => new Promise((done, failed) => {
  waiting.set(++number, { done, failed });
  socket.send(JSON.stringify({ id: number, method, params }));
});

// tab opens an address; run evaluates an expression there and gives its JSON value.
async function tab(url) {
  const { context } = await send('browsingContext.create', { type: 'tab' });
  await send('browsingContext.setViewport', { context, viewport: { width: 1280, height: 800 } });
  await send('browsingContext.navigate', { context, url, wait: 'complete' });
  const run = async expression => {
    const r = await send('script.evaluate', { expression: `(async () => JSON.stringify(await (${expression})))()`, target: { context }, awaitPromise: true, userActivation: true });
    if (r.type === 'exception') throw new Error(r.exceptionDetails.text);
    return r.result.value === undefined ? undefined : JSON.parse(r.result.value);
  };
  const until = async (what, expression, limit = 60000) => {
    for (const end = Date.now() + limit; Date.now() < end; await sleep(100)) if (await run(expression)) return;
    throw new Error('waited in vain for ' + what + '; the page says ' + await run('document.body.innerText'));
  };
  const shot = async name => writeFileSync(join(folder, name), Buffer.from((await send('browsingContext.captureScreenshot', { context })).data, 'base64'));
  return { run, until, shot };
}

const report = { problems: [] };
const click = id => `(document.getElementById('${id}').click(), true)`;
try {
  await send('session.new', { capabilities: {} });
  const page = await tab(address);
  await page.until('the status', 'window.live && !!window.live.status');
  await page.run(click('start'));
  await page.until('the first frames', 'window.live.decoded > 30');
  const viewer = await tab(await page.run(`document.getElementById('watch-link').href`));
  await viewer.until('frames at the viewer', 'window.live.decoded > 30');
  const first = await page.run('({ up: window.live.up.session, down: window.live.down.session, decoded: window.live.decoded })');
  const before = await viewer.run('({ down: window.live.down.session, decoded: window.live.decoded })');
  await page.shot('live-firefox.png');
  await sleep(1000 * seconds);
  const last = await page.run('({ up: window.live.up.session, down: window.live.down.session, decoded: window.live.decoded })');
  const after = await viewer.run('({ down: window.live.down.session, decoded: window.live.decoded })');
  await viewer.shot('live-firefox-watch.png');
  if (first.up !== last.up) report.problems.push('the publisher hung up and came again');
  if (first.down !== last.down || before.down !== after.down) report.problems.push('a viewer hung up and came again');
  Object.assign(report, { decoded: last.decoded - first.decoded, watched: after.decoded - before.decoded });
  Object.assign(report, await page.run(`(() => { const v = document.getElementById('enhanced'), c = document.createElement('canvas');
    c.width = 16; c.height = 9; const x = c.getContext('2d'); x.drawImage(v, 0, 0, 16, 9);
    return { width: v.videoWidth, height: v.videoHeight, brightest: x.getImageData(0, 0, 16, 9).data.reduce((most, v, i) => i % 4 < 3 ? Math.max(most, v) : most, 0), status: window.live.status }; })()`));
  report.codecs = await page.run(`Promise.all([window.live.up, window.live.down].map(async pc => { let c = '';
    (await pc.getStats()).forEach(s => { if (s.type === 'codec' && /video/.test(s.mimeType)) c = s.mimeType; }); return c; }))`);
  report.line = await page.run(`document.getElementById('line').textContent`);
} catch (e) {
  report.problems.push(e.message);
}
console.log(JSON.stringify(report));
socket.close();
firefox.kill('SIGKILL');
await sleep(300);
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
process.exit(0);
