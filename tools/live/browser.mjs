// Clicks through the page of vsr live in Debian's Chromium and prints what it saw as one line of JSON.
//
//   node browser.mjs CHROMIUM ADDRESS CAMERA.y4m FOLDER [SECONDS]
//
// ADDRESS is what vsr printed, with the token. Screenshots go to FOLDER; for SECONDS, 5 without, it only
// looks whether anybody hangs up. When it prints "restart" it waits for a line on
// standard input, which says that the server was killed and started again. cmd/vsr/live_browser_test.go runs it.
import { chromium } from 'playwright-core';
import { createInterface } from 'node:readline';

const [executablePath, address, camera, folder, seconds = 5] = process.argv.slice(2);
const common = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--use-fake-device-for-media-stream'];
const report = { problems: [] };
let last = null; // the page at work, for a look at it after a failure
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function open(args, options) {
  const browser = await chromium.launch({ executablePath, headless: true, args: [...common, ...args] });
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', e => report.problems.push('error on the page: ' + e.message));
  page.on('console', m => { if (/Content Security Policy/.test(m.text())) report.problems.push('policy: ' + m.text()); });
  last = page;
  await page.goto(address);
  return { browser, page };
}
const decoded = (page, least) => page.waitForFunction(n => window.live.decoded > n, least, { timeout: 45000, polling: 50 });

async function watchAndRestart() {
  const { browser, page } = await open(['--use-file-for-fake-video-capture=' + camera],
    { viewport: { width: 1280, height: 800 }, permissions: ['camera', 'microphone'] });
  await page.waitForFunction(() => window.live.status);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.screenshot({ path: folder + '/live-start.png' }); // shows the focus
  await page.selectOption('#mic', 'usual');
  await page.click('#start');
  await decoded(page, 60);
  await page.waitForFunction(() => (window.live.latencies || []).length >= 60, null, { timeout: 60000 });
  Object.assign(report, await page.evaluate(() => {
    const v = document.getElementById('enhanced'), l = [...window.live.latencies].sort((a, b) => a - b);
    return { decoded: window.live.decoded, width: v.videoWidth, height: v.videoHeight, readable: l.length, median_ms: l[l.length >> 1], p95_ms: l[Math.floor(l.length * .95)] };
  }));
  await page.screenshot({ path: folder + '/live.png' });
  const line = await page.textContent('#line');
  if (!/^\d+ fps, \d+\.\d s behind, (enhanced by|not enhanced)/.test(line)) report.problems.push('the line says ' + line);
  await secondViewer(page);
  await otherPages(page);
  await secondPublisher(page);
  await soak(page);
  await keys(page);
  await audio(page);
  await page.click('#details summary');
  await page.waitForTimeout(300);
  await page.screenshot({ path: folder + '/live-details.png', fullPage: true });
  await page.click('#details summary');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(600);
  await page.screenshot({ path: folder + '/live-phone.png', fullPage: true });
  await page.keyboard.press('w');
  await page.waitForTimeout(300);
  await page.screenshot({ path: folder + '/live-phone-wipe.png', fullPage: true });
  await page.keyboard.press('w');
  await page.setViewportSize({ width: 1280, height: 800 });
  await restart(page);
  await page.click('#stop');
  await page.waitForTimeout(200);
  if (await page.isVisible('#sending')) report.problems.push('the mark still says that the camera is being sent');
  await browser.close();
}

// keys works the page by keyboard alone.
async function keys(page) {
  await page.keyboard.press('w');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  if (await page.inputValue('#wipe') !== '54') report.problems.push('the arrow keys leave the wipe at ' + await page.inputValue('#wipe'));
  await page.screenshot({ path: folder + '/live-wipe.png' });
  await page.keyboard.press('w');
  await page.keyboard.press('e');
  await page.waitForFunction(() => document.getElementById('enhance').textContent.endsWith('off'), null, { timeout: 10000 })
    .catch(() => report.problems.push('E does not switch the button to off'));
  report.toggled = await page.textContent('#caption');
  await page.keyboard.press('e');
  const files = [];
  page.on('download', d => files.push(d.suggestedFilename()));
  await page.keyboard.press('s');
  await page.waitForTimeout(1000);
  if (files.length !== 2) report.problems.push('S gives files ' + files);
}

// audio waits for the fake microphone's audio to come back, and lets it be heard.
async function audio(page) {
  await page.waitForFunction(() => !document.getElementById('audio').hidden, null, { timeout: 20000 });
  if (!/microphone/.test(await page.textContent('#sending'))) report.problems.push('the mark does not name the microphone');
  await page.keyboard.press('m');
  if (await page.evaluate(() => document.getElementById('enhanced').muted)) report.problems.push('M leaves the audio off');
  report.audio = await page.evaluate(async () => {
    let energy = 0;
    for (let i = 0; i < 100 && !energy; i++) {
      (await window.live.down.getStats()).forEach(s => { if (s.type === 'inbound-rtp' && s.kind === 'audio') energy = s.totalAudioEnergy; });
      await new Promise(r => setTimeout(r, 50));
    }
    return energy;
  });
  await page.keyboard.press('m');
}

// secondViewer opens the viewers' page and takes the time from there to the first frame. Its token lets it watch and nothing else.
async function secondViewer(first) {
  const page = await first.context().newPage();
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.addInitScript(() => addEventListener('DOMContentLoaded', () => {
    const v = document.getElementById('enhanced');
    v.requestVideoFrameCallback(now => { window.firstFrame = now; });
  }));
  await page.goto(await first.evaluate(() => document.getElementById('watch-link').href));
  await page.waitForFunction(() => window.firstFrame > 0, null, { timeout: 30000, polling: 20 });
  report.second_ms = await page.evaluate(() => window.firstFrame);
  await decoded(page, 30);
  if (await page.isVisible('#veil-after')) report.problems.push('the viewer\'s page covers the video');
  const codes = await page.evaluate(() => Promise.all([['control', '{"enhance": false}'], ['whip', 'x']].map(async ([path, body]) => (await fetch(path, { method: 'POST', headers: auth(), body })).status)));
  if (codes.join() !== '403,403') report.problems.push('a viewer\'s token is answered with ' + codes);
  const text = JSON.stringify(await page.evaluate(() => window.live.status));
  if (/view_token|"source"|"error"/.test(text)) report.problems.push('a viewer reads ' + text);
  await page.screenshot({ path: folder + '/live-watch.png' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(600);
  await page.screenshot({ path: folder + '/live-watch-phone.png' });
  await page.close();
}

// otherPages looks at the page for OBS: nothing but the video, which begins by itself.
async function otherPages(first) {
  const page = await first.context().newPage();
  await page.goto(await first.evaluate(() => document.getElementById('obs-link').href));
  const hidden = await page.evaluate(() => getComputedStyle(document.getElementById('enhanced')).visibility + ' ' + getComputedStyle(document.body).backgroundColor);
  if (!/^hidden rgba\(0, 0, 0, 0\)$/.test(hidden)) report.problems.push('before the video the page for OBS is ' + hidden);
  await decoded(page, 10);
  await page.waitForFunction(() => getComputedStyle(document.getElementById('enhanced')).visibility === 'visible', null, { timeout: 10000 });
  const things = await page.evaluate(() => [...document.body.children].map(e => e.tagName).join() + ' ' + document.body.innerText.trim());
  if (things !== 'VIDEO,SCRIPT ') report.problems.push('the page for OBS has ' + things);
  await page.close();
}

// soak lets publisher and viewer run: nobody may hang up, frames must come.
async function soak(page) {
  const now = () => page.evaluate(() => [window.live.up.session, window.live.down.session, window.live.decoded]);
  const before = await now();
  await page.waitForTimeout(1000 * seconds);
  const after = await now();
  if (before[0] !== after[0]) report.problems.push('the publisher hung up and came again');
  if (before[1] !== after[1]) report.problems.push('the viewer hung up and came again');
  report.soaked = after[2] - before[2];
}

// secondPublisher is told once that there is one already, lets go of its camera and sees the other's.
async function secondPublisher(first) {
  const page = await first.context().newPage();
  await page.goto(address);
  await page.waitForFunction(() => window.live.status);
  await page.click('#start');
  await page.waitForFunction(() => /Somebody else/.test(document.getElementById('message').textContent), null, { timeout: 15000 })
    .catch(() => report.problems.push('a second publisher is told nothing'));
  await decoded(page, 10);
  const after = await page.evaluate(() => [document.getElementById('message').textContent, document.getElementById('sending').hidden, window.live.camera === null, window.live.up === null]);
  if (!/Somebody else/.test(after[0]) || after.slice(1).some(x => !x)) report.problems.push('the second publisher\'s page: ' + after);
  await page.close();
}

// restart takes the time from just before the kill to the first frame of the new server.
async function restart(page) {
  const run = await page.evaluate(() => window.live.status.run), begin = Date.now();
  console.log('restart');
  await input.next();
  const started = Date.now();
  await page.waitForFunction(old => window.live.status && window.live.status.run !== old, run, { timeout: 30000, polling: 20 });
  const seen = Date.now();
  await page.waitForFunction(old => window.live.down && window.live.down.run && window.live.down.run !== old && window.live.decoded > 0, run, { timeout: 30000, polling: 20 });
  report.back_ms = Date.now() - begin;
  console.log(`restart: killed and started in ${started - begin} ms, seen by the page after ${seen - begin} ms, frame after ${report.back_ms} ms`);
}

async function refused() {
  const { browser, page } = await open([], { viewport: { width: 1280, height: 800 }, permissions: [] });
  await page.click('#start');
  await page.waitForSelector('#message.bad');
  report.denied = await page.textContent('#message');
  await page.screenshot({ path: folder + '/live-denied.png' });
  await browser.close();
}

try {
  await watchAndRestart();
  await refused();
} catch (e) {
  if (last) {
    await last.screenshot({ path: folder + '/live-failed.png' }).catch(() => {});
    console.log('page: ' + JSON.stringify(await last.evaluate(() => ({ message: document.getElementById('message').textContent, state: document.getElementById('state').textContent,
      decoded: window.live.decoded, latencies: (window.live.latencies || []).length, status: window.live.status })).catch(() => null)));
  }
  throw e;
}
console.log(JSON.stringify(report));
process.exit(0);
