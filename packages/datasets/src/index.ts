export { PROMPTS, questionPrompt, TARGETS } from './templates.js';
