// A browser that is told what to do in lines of JSON on stdin, and answers each with a line: {"value": …} or {"error": …},
// with the session that asked. Each session is a person of its own, and nothing of one is seen by another. Elements are
// found as a person or a screen reader finds them: by role, name and label. Ends when stdin closes.
'use strict';

const axe = require('axe-core');
const { chromium } = require('playwright-core');
const { existsSync } = require('node:fs');
const readline = require('node:readline');

const WITHIN_MS = 20_000;
// As tests/console/prepare installs them: the shell draws no window.
const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];
let browser;
/** By name: the page that is open, and what the browser reported that no page should cause: exceptions, blocked content, failed requests. */
const sessions = new Map();

const found = (page, { role = 'button', name, within }) =>
  (within ? page.getByRole(within) : page).getByRole(role, { name, exact: true }).first();

const commands = {
  async open(session, { url, width = 1280, height = 900, scheme = 'light' }) {
    await commands.close(session);
    session.faults = [];
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
    const page = await context.newPage();
    session.page = page;
    page.setDefaultTimeout(WITHIN_MS);
    page.on('pageerror', (error) => session.faults.push(String(error)));
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && session.faults.push(message.text()));
    await page.goto(url);
  },
  close: ({ page }) => page?.context().close(),
  go: ({ page }, { url }) => page.goto(url),
  click: ({ page }, asked) => found(page, asked).click(),
  fill: ({ page }, { label, text }) => page.getByLabel(label, { exact: true }).fill(text),
  see: ({ page }, { text }) => page.getByText(text).filter({ visible: true }).first().waitFor(),
  text: ({ page }, { selector }) => page.locator(selector).first().innerText(),
  value: ({ page }, { label }) => page.getByLabel(label, { exact: true }).inputValue(),
  count: ({ page }, { selector }) => page.locator(selector).count(),
  /** Moves the focus by the keyboard alone to the element of this role and name. */
  async reach({ page }, { role = 'button', name, key = 'Tab' }) {
    const wanted = await found(page, { role, name }).elementHandle();
    for (let tries = 0; tries < 300; tries += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press(key);
    }
    throw new Error(`300 times ${key} did not reach ${name}`);
  },
  press: ({ page }, { key }) => page.keyboard.press(key),
  type: ({ page }, { text }) => page.keyboard.type(text),
  /** How much wider the page is than the window. */
  overflow: ({ page }) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  /** Rules that are broken with serious or critical impact, and where. */
  async axe({ page }) {
    // Half a megabyte of script: once for each document.
    if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const grave = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    return grave.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`));
  },
  requests: ({ page }) => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name)),
  stored: ({ page }) => page.evaluate(() => ({ session: { ...sessionStorage }, local: { ...localStorage }, cookies: document.cookie })),
  faults: ({ faults }) => faults,
};

async function answer(line) {
  const { session: name, command, ...asked } = JSON.parse(line);
  if (!sessions.has(name)) sessions.set(name, { faults: [] });
  const session = sessions.get(name);
  try {
    return { session: name, value: (await commands[command](session, asked)) ?? null };
  } catch (error) {
    const page = await session.page?.locator('body').innerText().catch(() => '');
    return { session: name, error: error.message, page, faults: session.faults };
  }
}

async function main() {
  const executablePath = process.env.CHROMIUM ?? PROGRAMS.find(existsSync);
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    answer(line).then((answered) => console.log(JSON.stringify(answered)));
  }
  await browser.close();
}

main();
