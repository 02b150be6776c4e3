// The main job in a real window: one computer is a cooperative, a second process completes the model, both earn.
import { test } from './fixtures';
import { serveAlone, shareModel } from './main-job';

test('first start: this computer alone serves the model and answers', ({ tore }) => serveAlone(tore));

test('two processes share the model; both earn, the requester pays, a loss is said and mended', async ({
  servingTore,
}) => {
  test.setTimeout(300_000);
  await shareModel(servingTore);
});
