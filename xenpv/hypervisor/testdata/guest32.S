# A paravirtual guest of 32 bits (PAE). It writes "32-bit guest says: " and its
# command line to its console, and powers off.
#
# The layouts are those of Xen's public headers, for 32 bits. VIRT_BASE is 0, so
# a pseudo-physical address is a virtual one.

	.macro note type:req, size:req, content:vararg
	.long 4, \size, \type
	.asciz "Xen"
1:	\content
	.balign 4
	.endm

	.section .note.Xen, "", @note
	note 6, 5, .asciz "test"
	note 5, 8, .asciz "xen-3.0"
	note 8, 8, .asciz "generic"
	note 9, 4, .asciz "yes"
	note 3, 4, .long 0
	note 1, 4, .long _start
	note 2, 4, .long hypercalls

	.set CONSOLE_MFN, 52
	.set CONSOLE_PORT, 56
	.set COMMAND_LINE, 80
	.set MACHINE_TO_PHYSICAL, 0xf5800000
	.set OUT, 1024
	.set OUT_PRODUCER, 3084
	.set EVENT_CHANNEL_OP, 32
	.set SEND, 4
	.set SCHED_OP, 29
	.set SHUTDOWN, 2

	.text
	.globl _start
_start:
	mov $stack, %esp
	mov %esi, %ebp			# start_info
	mov CONSOLE_MFN(%ebp), %ecx
	mov MACHINE_TO_PHYSICAL(,%ecx,4), %edi
	shl $12, %edi			# the console's page
	mov $greeting, %esi
	call write
	lea COMMAND_LINE(%ebp), %esi
	call write
	mov $newline, %esi
	call write
	mov CONSOLE_PORT(%ebp), %eax
	mov %eax, argument
	mov $SEND, %ebx
	mov $argument, %ecx
	call hypercalls + EVENT_CHANNEL_OP * 32
	movl $0, argument
	mov $SHUTDOWN, %ebx
	mov $argument, %ecx
	call hypercalls + SCHED_OP * 32
stay:	jmp stay

write:	lodsb				# the string at esi to the console's ring
	test %al, %al
	jz 2f
	mov OUT_PRODUCER(%edi), %ecx
	mov %ecx, %edx
	and $2047, %edx
	mov %al, OUT(%edi,%edx)
	inc %ecx
	mov %ecx, OUT_PRODUCER(%edi)
	jmp write
2:	ret

	.data
greeting: .asciz "32-bit guest says: "
newline: .asciz "\r\n"
	.balign 4
argument: .long 0
	.skip 4096
stack:
	.balign 4096
hypercalls: .skip 4096
