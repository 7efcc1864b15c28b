// A browser that is told what to do in lines of JSON on stdin, and answers each with a line: {"value": …} or {"error": …}.
// Elements are found as a person or a screen reader finds them: by role, name and label. Ends when stdin closes.
'use strict';

const axe = require('axe-core');
const { chromium } = require('playwright-core');
const readline = require('node:readline');

const WITHIN_MS = 20_000;
let browser;
let page;
/** What the browser reported that no page should cause: exceptions, blocked content, failed requests. */
let faults = [];

const found = ({ role = 'button', name, within }) =>
  (within ? page.getByRole(within) : page).getByRole(role, { name, exact: true }).first();

const commands = {
  async open({ url, width = 1280, height = 900, scheme = 'light' }) {
    await page?.context().close();
    faults = [];
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
    page = await context.newPage();
    page.setDefaultTimeout(WITHIN_MS);
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && faults.push(message.text()));
    await page.goto(url);
  },
  go: ({ url }) => page.goto(url),
  click: (asked) => found(asked).click(),
  fill: ({ label, text }) => page.getByLabel(label, { exact: true }).fill(text),
  see: ({ text }) => page.getByText(text).filter({ visible: true }).first().waitFor(),
  text: ({ selector }) => page.locator(selector).first().innerText(),
  value: ({ label }) => page.getByLabel(label, { exact: true }).inputValue(),
  count: ({ selector }) => page.locator(selector).count(),
  /** Moves the focus by the keyboard alone to the element of this role and name. */
  async reach({ role = 'button', name, key = 'Tab' }) {
    const wanted = await found({ role, name }).elementHandle();
    for (let tries = 0; tries < 300; tries += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press(key);
    }
    throw new Error(`300 times ${key} did not reach ${name}`);
  },
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  /** How much wider the page is than the window. */
  overflow: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  /** Rules that are broken with serious or critical impact, and where. */
  async axe() {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const grave = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    return grave.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`));
  },
  requests: () => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name)),
  stored: () => page.evaluate(() => ({ session: { ...sessionStorage }, local: { ...localStorage }, cookies: document.cookie })),
  faults: () => faults,
};

async function main() {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { command, ...asked } = JSON.parse(line);
    let answer;
    try {
      answer = { value: (await commands[command](asked)) ?? null };
    } catch (error) {
      answer = { error: error.message, page: await page?.locator('body').innerText().catch(() => ''), faults };
    }
    console.log(JSON.stringify(answer));
  }
  await browser.close();
}

main();
